#include "milter/verdict_merge.h"

namespace hikyaku::milter {

Strength strength(const ClientSession::Verdict& verdict) {
  using Kind = ClientSession::Verdict::Kind;
  switch (verdict.kind) {
    case Kind::accept:
      return Strength::accept;
    case Kind::reply:
      return verdict.reply.code >= 500 ? Strength::reject : Strength::tempfail;
    case Kind::shutdown:
      return Strength::shutdown;
    case Kind::discard:
      return Strength::discard;
    case Kind::go_on:
    case Kind::quarantine:
      break;
  }
  return Strength::go_on;
}

void VerdictMerge::add(Strength strength, const ClientSession::Verdict& verdict, std::size_t child) {
  if (strength <= strength_) return;
  strength_ = strength;
  verdict_ = verdict;
  child_ = child;
}

}  // namespace hikyaku::milter
