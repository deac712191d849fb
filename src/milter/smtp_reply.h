#pragma once
#include <string>
#include <string_view>

#include "base/result.h"

namespace hikyaku::milter {

/// The reply that a filter gives the SMTP client (SMFIR_REPLYCODE, smfi_setreply and smfi_setmlreply).
struct SmtpReply {
  int code = 0;          ///< 400..599
  std::string enhanced;  ///< "4.7.1", or empty; of every line
  std::string text;      ///< lines separated by LF, without codes; not escaped

  /// Reads the data of the packet: lines of "ddd d.d.d text", separated by CR LF, each but the last with '-'
  /// behind its code, a NUL at the end; an LF alone ends a line too. "%%" is a percent sign, since Sendmail
  /// takes the reply for a format; a single '%' is dropped, as Postfix does. Fails with Fault::malformed: a
  /// code that is not 4xx or 5xx, or that nothing follows, not even a blank, lines with different codes, an
  /// enhanced code of another class, more than 32 lines or more than 980 octets in one (libmilter's limits).
  static Result<SmtpReply> parse(std::string_view data);
  /// The data of the packet, without the NUL at its end: the other way round.
  std::string data() const;
  /// "451 4.7.1 try later": one line for logs, lines joined by a blank. Not escaped.
  std::string line() const;
  bool operator==(const SmtpReply&) const = default;

  // What Postfix makes of REJECT, TEMPFAIL and SHUTDOWN, which have no text of their own, and of a reply that
  // can't be used.
  static SmtpReply rejection() { return {550, "5.7.1", "Command rejected"}; }
  static SmtpReply later() { return {451, "4.7.1", "Service unavailable - try again later"}; }
  static SmtpReply misconfigured() {
    return {451, "4.3.5", "Server configuration problem - try again later"};
  }
  static SmtpReply ending() { return {421, "4.3.2", "Service shutting down"}; }
  static SmtpReply closing() { return {421, "4.7.0", "Server closing connection"}; }
};

}  // namespace hikyaku::milter
