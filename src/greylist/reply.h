#pragma once
#include <chrono>
#include <string>

#include "greylist/evaluation.h"

namespace hikyaku::greylist {

/// What the client is answered when its mail is put off or refused.
struct ReplyText {
  std::string code, ecode, text;
  std::string line() const { return code + " " + ecode + " " + text; }
  /// Whether a code that begins with 5 refuses for good; any other one puts off.
  bool final() const { return code.starts_with('5'); }
};

/// Of a decision to greylist: "451 4.7.1 Greylisting in action, please come back in 00:30:00", or with
/// `quiet` without the time. Of one to blacklist: "551 5.7.1 Go away!". The decision's own code, ecode and
/// msg take their place; an ecode of another class than the code, which no MTA would take, begins with the
/// code's digit. `context` is what formats know beside the decision; its `remaining` is the time.
ReplyText reply_of(const Decision& decision, const Configuration& configuration, const Facts& facts,
                   FormatContext context);

/// What a decision adds to what formats know: rule, groups, property, lists, SPF.
void take(const Decision& decision, FormatContext& context);

}  // namespace hikyaku::greylist
