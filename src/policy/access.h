#pragma once
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/explanation.h"
#include "mail/address.h"
#include "policy/facts.h"
#include "policy/settings.h"

namespace hikyaku::policy {

/// The words that refuse something over SMTP.
struct Refusal {
  int code = 0;          ///< 4xx or 5xx
  std::string enhanced;  ///< "5.7.1"
  std::string text;      ///< "<x@y>: Relay access denied"
  bool operator==(const Refusal&) const = default;
  /// "554 5.7.1 <x@y>: Relay access denied"
  std::string line() const { return std::to_string(code) + " " + enhanced + " " + text; }
};

/// What access tables ask for besides letting mail pass: HOLD, DISCARD, FILTER, REDIRECT, PREPEND, BCC. They
/// hold for the whole message once its transaction goes on; forget them at RSET.
struct Actions {
  bool hold = false;
  std::string hold_reason;
  bool discard = false;
  std::string filter;  ///< "transport:nexthop"; the last one wins
  std::optional<mail::Address> redirect;
  std::vector<std::string> prepend;  ///< header lines
  std::vector<mail::Address> bcc;
  void merge(Actions later);
  bool empty() const {
    return !hold && !discard && filter.empty() && !redirect && prepend.empty() && bcc.empty();
  }
};

/// A line for the log: "reject_warning: 554 5.7.1 <x>: ...", "warn: ...", "info: ...", "hold: ...".
struct Note {
  std::string_view kind;  ///< a literal
  std::string text;
};

/// How one stage was decided.
struct Verdict {
  enum class Kind : unsigned char {
    go_on,      ///< nothing against it
    refuse,     ///< answer `refusal`
    needs_dns,  ///< look `questions` up, add the answers to the facts, and ask the same again
  };
  Kind kind = Kind::go_on;
  Refusal refusal;
  std::vector<DnsQuestion> questions;
  Actions actions;  ///< also when refused: they then concern nothing
  std::vector<Note> notes;
  std::vector<std::string> warnings;  ///< for the log: mistakes in tables
  std::chrono::seconds pause{0};      ///< `sleep N`: wait so long before the answer
  /// With smtpd_delay_reject = no, what a later stage must know: hand it in again as Request::earlier.
  std::optional<Refusal> deferral;
};

/// What a client asks for. Views and pointers must live through the call only.
struct Request {
  const Client& client;
  const DnsFacts& dns;
  std::optional<std::string_view> helo{};  ///< nothing: no HELO yet
  const mail::Address* sender =
      nullptr;  ///< nullptr: no MAIL yet. As MAIL gave it: internal form, not completed
  const mail::Address* recipient = nullptr;
  std::size_t accepted_recipients = 0;  ///< so far, in this transaction
  std::string_view etrn{};
  bool smtputf8 = false;    ///< MAIL had SMTPUTF8
  bool discarding = false;  ///< an earlier stage said DISCARD: restrictions are skipped
  const std::optional<Refusal>* earlier = nullptr;  ///< Verdict::deferral of the stage before, if any
};

/// Decides what clients may do by the smtpd_*_restrictions lists, as Postfix 3.7's SMTP server does.
/// Evaluation is pure but for the tables: DNS facts are handed in. Each element looked at adds an entry to
/// the ledger ("policy.relay": "permit_mynetworks", failed "client address is in mynetworks", operand
/// "192.0.2.7"), in order, and the one that decided says what came of it. With Verdict::needs_dns nothing is
/// added. Immutable, thread-safe.
class Access {
 public:
  /// `resolver` must outlive it.
  Access(std::shared_ptr<const Settings> settings, const AddressResolver& resolver)
      : settings_(std::move(settings)), resolver_(&resolver) {}

  /// At connection, EHLO, MAIL: with smtpd_delay_reject (the default) these lists wait for RCPT, and only the
  /// syntax of the sender is looked at (501 5.1.7).
  Verdict connection(const Request& request, Explanation& why) const;
  Verdict hello(const Request& request, Explanation& why) const;
  Verdict sender(const Request& request, Explanation& why) const;
  /// RCPT: syntax (501 5.1.3), the delayed lists, relay and recipient restrictions, and whether the user
  /// exists.
  Verdict recipient(const Request& request, Explanation& why) const;
  /// DATA or the first BDAT. With more than one recipient, `recipient` must be null.
  Verdict data(const Request& request, Explanation& why) const;
  Verdict end_of_data(const Request& request, Explanation& why) const;
  /// ETRN (RFC 1985): its list, then fast_flush_domains: 459 when the domain is not in it.
  Verdict etrn(const Request& request, Explanation& why) const;
  /// VRFY address: 252 is the answer if it goes on.
  Verdict verify(const Request& request, Explanation& why) const { return recipient(request, why); }

  const Settings& settings() const { return *settings_; }

 private:
  std::shared_ptr<const Settings> settings_;
  const AddressResolver* resolver_;
};

}  // namespace hikyaku::policy
