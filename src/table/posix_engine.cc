#include "table/posix_engine.h"

#include "table/pattern_size.h"

namespace hikyaku::table {
namespace {

constexpr double kLargestPattern = 100000;

std::string error_text(int code, const regex_t* compiled) {
  std::array<char, 256> text{};
  regerror(code, compiled, text.data(), text.size());
  return text.data();
}

}  // namespace

PosixEngine::Flags::Taken PosixEngine::Flags::take(char flag) {
  switch (flag) {
    case 'i':
      options ^= REG_ICASE;
      return Taken::yes;
    case 'm':
      options ^= REG_NEWLINE;
      return Taken::yes;
    case 'x':
      options ^= REG_EXTENDED;
      return Taken::yes;
    default:
      return Taken::unknown;
  }
}

std::string_view PosixEngine::Scratch::group(unsigned number) const {
  const regmatch_t& span = spans()[number];
  if (span.rm_so < 0) return {};
  return std::string_view(subject_).substr(static_cast<std::size_t>(span.rm_so),
                                           static_cast<std::size_t>(span.rm_eo - span.rm_so));
}

Result<PosixEngine> PosixEngine::compile(std::string_view pattern, Flags flags, unsigned groups) {
  // regcomp() writes repetitions out: "a++++" and the like would take memory without bounds.
  if (expanded_size(pattern, (flags.options & REG_EXTENDED) != 0) > kLargestPattern)
    return fail(Fault::malformed,
                "repetitions of repetitions: the pattern is too large when they are written out");
  auto compiled = std::make_unique<regex_t>();
  const int options = flags.options | (groups == 0 ? REG_NOSUB : 0);
  if (const int code = regcomp(compiled.get(), std::string(pattern).c_str(), options); code != 0) {
    return fail(Fault::malformed, error_text(code, compiled.get()));
  }
  PosixEngine engine;
  engine.compiled_.reset(compiled.release());
  return engine;
}

PosixEngine::Outcome PosixEngine::match(unsigned groups, Scratch& scratch) const {
  // REG_STARTEND, which glibc and the BSDs have, lets a NUL within the subject be an octet like others.
  regmatch_t* spans = scratch.spans();
  spans[0].rm_so = 0;
  spans[0].rm_eo = static_cast<regoff_t>(scratch.subject_.size());
  const int code =
      regexec(compiled_.get(), scratch.subject_.c_str(), groups == 0 ? 0 : groups + 1, spans, REG_STARTEND);
  if (code == 0) return Outcome::match;
  if (code == REG_NOMATCH) return Outcome::no_match;
  scratch.why_ = error_text(code, compiled_.get());
  return Outcome::failed;
}

}  // namespace hikyaku::table
