#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "mail/address.h"
#include "mail/parameters.h"

namespace hikyaku::mail {

/// What became of a recipient: the Action field (RFC 3464 s. 2.3.3).
enum class DsnAction : unsigned char {
  failed,     ///< given up
  delayed,    ///< still tried
  delivered,  ///< in its mailbox
  relayed,    ///< handed to a server that does not itself speak DSN
};

/// True when the sender is to be told. Never for the null sender: a notice about a notice would loop
/// (RFC 5321 s. 6.1). Pure.
bool notice_wanted(const Address& sender, const Notify& notify, DsnAction action);

/// The recipients of one message out of `actions` (one for each, in order) whose fate belongs in a notice of
/// `action`'s kind; the indexes ascend. `notify` has the same size. Pure.
std::vector<std::size_t> notices_wanted(const Address& sender, const std::vector<Notify>& notify,
                                        const std::vector<DsnAction>& actions, DsnAction action);

/// True when the notice carries the whole message: a failure, not RET=HDRS, and no larger than
/// bounce_size_limit (0: no limit). Delay and success notices carry the headers alone. Pure.
bool returns_whole_message(DsnAction action, DsnReturn ret, std::uint64_t message_size,
                           std::uint64_t bounce_size_limit);

/// One recipient as a notice tells it. Views need to live only through the call.
struct DsnRecipient {
  Address final_recipient;    ///< the address that delivery was tried for
  std::string_view original;  ///< ORCPT without xtext: "rfc822;bob@example.org"; empty: not given
  DsnAction action = DsnAction::failed;
  std::string_view status;           ///< "5.1.1"; anything else is told as "4.0.0", "5.0.0" or "2.0.0"
  std::string_view remote_mta;       ///< the host that answered: "mx.example.org"; empty: none did
  std::string_view diagnostic_type;  ///< "smtp" for a reply of a server; empty: "X-Hikyaku"
  /// The reply, "550 5.1.1 no such user", or the hub's own reason. Not trusted: white space is joined, octets
  /// that are not printable become '?', and what is past kMaxDiagnostic is cut.
  std::string_view diagnostic;
  /// The same for people, "host mx.example.org[192.0.2.1] said: 550 …"; empty: the diagnostic. Not trusted.
  std::string_view reason;
  std::optional<Time> last_attempt;
};

struct DsnFacts {
  DsnAction kind = DsnAction::failed;  ///< failed: a bounce; delayed: a warning; else a success notice
  std::string_view reporting_mta;      ///< myhostname
  std::string_view software = "Hikyaku";
  std::string_view queue_id;   ///< of the message that the notice is about
  std::string_view notice_id;  ///< of the notice: makes its Message-Id and its boundary. [A-Za-z0-9.-]
  Time arrival{};
  Time now{};
  Address sender;                   ///< of the message; the notice goes to it. Not null
  Address from;                     ///< who reports: MAILER-DAEMON@myhostname
  std::string_view envelope_id;     ///< ENVID without xtext; empty: not given
  bool smtputf8 = false;            ///< the message asked for SMTPUTF8
  std::optional<Time> retry_until;  ///< for a delay: when the hub gives up
  std::vector<DsnRecipient> recipients;
};

/// The message that the notice is about.
struct DsnOriginal {
  std::string_view header;  ///< header section, CRLF line ends, without the empty line
  std::optional<std::string_view>
      body;  ///< the rest after the empty line; nullopt: headers alone are returned
};

struct DsnNotice {
  std::string message;     ///< the whole message, CRLF line ends, no dot-stuffing
  bool smtputf8 = false;   ///< it holds UTF-8 in addresses or headers: send it with SMTPUTF8 (RFC 6533)
  bool eight_bit = false;  ///< it holds octets above 127: BODY=8BITMIME
};

/// What the queue noted of a try, taken apart: "host mx.example.org[192.0.2.1] said: 550 5.1.1 no such user
/// (in reply to RCPT TO command)" is the reply "550 5.1.1 no such user" of mx.example.org. Whatever is not in
/// that form is the hub's own reason: all of it the diagnostic, of no remote host. Views point into `text`.
struct DsnReply {
  std::string_view remote_mta;
  std::string_view diagnostic;
};
DsnReply read_dsn_reply(std::string_view text);

/// Limits: octets of a diagnostic or reason that a notice repeats; octets of a header section that it returns
/// (cut at a line's end).
inline constexpr std::size_t kMaxDiagnostic = 1000;
inline constexpr std::size_t kMaxReturnedHeader = 64 * 1024;

/// Writes the notice: multipart/report (RFC 6522) of a text for people, message/delivery-status (RFC 3464)
/// and what is returned: message/rfc822 or text/rfc822-headers, in the global forms of RFC 6533 where UTF-8
/// is needed. Its envelope sender must be <>. Nothing that a remote side said can add a field, end a part or
/// break a line. Pure; O(size).
DsnNotice compose_notice(const DsnFacts& facts, const DsnOriginal& original);

}  // namespace hikyaku::mail
