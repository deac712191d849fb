#pragma once
#include <chrono>
#include <compare>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "greylist/rule.h"

namespace hikyaku::greylist {

/// A URL or LDAP check that a rule wants, and what came of one.
struct CheckQuestion {
  Defined kind = Defined::urlcheck;  ///< urlcheck or ldapcheck
  std::size_t index = 0;             ///< of its definition
  std::string url;                   ///< expanded
  auto operator<=>(const CheckQuestion&) const = default;
};

/// What an answer says in place of the rule that asked: its action and values, where the rule then holds.
struct RuleOverride {
  std::optional<Action> action;
  std::optional<std::chrono::seconds> tarpit;
  RuleValues values;  ///< delay, autowhite, code, ecode, msg, report, flushaddr, nolog
  bool operator==(const RuleOverride&) const = default;
};

struct CheckAnswer {
  bool answered = true;  ///< false: nobody answered, and the clause does not hold, negated or not
  bool matched = false;
  /// "name: value" lines that become properties, in their order.
  std::vector<std::pair<std::string, std::string>> properties;
  RuleOverride overrides;
  std::string said;                   ///< the lines that the overrides are from, for the explanation
  std::vector<std::string> not_read;  ///< lines that would override something with a value that none is
};

/// What stands for what in an answer's line; names are compared without case.
enum class AnswerLine : unsigned char {
  matches,   ///< "milterGreylistStatus: Ok", and each that overrides
  other,     ///< a property, or nothing of ours
  not_read,  ///< an override with a value that is none
};
/// Takes over what a line says: milterGreylistStatus, Action, Delay, Autowhite, Tarpit, FlushAddr, NoLog,
/// Code, ECode, Msg, Report and Ignore (greylist.conf(5), "URL CHECKS").
AnswerLine take_answer_line(std::string_view name, std::string_view value, CheckAnswer& answer);

/// Reads what a URL answers: lines of "name: value", each ended by LF or CRLF. It matches where one of them
/// does. Lines of another form are passed over. `keeps_properties`: each line is a property too, where the
/// answer as a whole matches. Total; O(size).
CheckAnswer read_url_answer(std::string_view text, bool keeps_properties);

}  // namespace hikyaku::greylist
