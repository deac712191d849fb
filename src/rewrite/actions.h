#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "mail/address.h"

namespace hikyaku::rewrite {

/// An answer for the end of DATA that refuses the whole message.
struct Refusal {
  int code = 550;        ///< 451, 550 or 554
  std::string enhanced;  ///< "5.7.1"
  std::string text;      ///< "message content rejected"; one line
  bool operator==(const Refusal&) const = default;
};

/// One line for the log: "reject: header Subject: x ...: text". The caller adds client, sender and recipient.
struct CheckNote {
  std::string action;   ///< "reject", "warning", "redirect" ...
  std::string where;    ///< "header" or "body"
  std::string content;  ///< what matched, at most 200 octets
  std::string text;     ///< the text of the action; may be empty
};

/// What header_checks and their like decided for the whole message.
struct Actions {
  std::optional<Refusal> refusal;         ///< REJECT, a table that can't answer, or too many hops
  bool discard = false;                   ///< DISCARD: answer 250 and drop the message
  bool hold = false;                      ///< HOLD: into the hold queue
  bool checks_over = false;               ///< no more checks: after REJECT, DISCARD, REDIRECT or PASS
  std::string filter;                     ///< FILTER: "transport:nexthop", overrides all routing; empty: none
  std::optional<mail::Address> redirect;  ///< REDIRECT: takes the place of all recipients, unrewritten
  std::vector<mail::Address> bcc;         ///< BCC: give each to EnvelopeRewriting::bcc()
  std::vector<CheckNote> notes;
  std::vector<std::string> warnings;  ///< bad right-hand sides, for the log
};

}  // namespace hikyaku::rewrite
