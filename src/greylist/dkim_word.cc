#include "greylist/dkim_word.h"

namespace hikyaku::greylist {

SpfWord dkim_word(const mail::DkimVerdict& verdict) {
  using Result = mail::DkimVerdict::Result;
  switch (verdict.result) {
    case Result::none:
      return SpfWord::none;
    case Result::pass:
      return SpfWord::pass;
    case Result::fail:
      return SpfWord::fail;
    case Result::neutral:
      return SpfWord::unknown;
    case Result::temperror:
    case Result::permerror:
      return SpfWord::error;
  }
  return SpfWord::none;
}

bool is_dkim_word(SpfWord word) {
  return word != SpfWord::softfail && word != SpfWord::neutral && word != SpfWord::self;
}

}  // namespace hikyaku::greylist
