#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "probe/audit.h"
#include "probe/audit_talk.h"

namespace hikyaku::probe {

/// A reply of an SMTP server, or that there was none.
struct SmtpAnswer {
  int code = 0;      ///< 0: none came, or what came is no reply
  std::string text;  ///< its lines with their codes, joined by LF; without a reply, why there is none

  bool none() const { return code == 0; }
  bool taken() const { return code >= 200 && code < 400; }
  bool refused() const { return code >= 400; }
  /// For a finding: quoted, escaped, the first 100 octets.
  std::string quoted() const;
};

/// The client's end of an audited SMTP session. The members that give an optional finding are the steps that
/// a case stands on: a finding says that the case can't be gone on with, and is the case's.
class AuditSmtpTalk {
 public:
  using Obstacle = std::optional<AuditFinding>;

  AuditSmtpTalk(AuditTalk& talk, const AuditTarget& target) : talk_(talk), target_(target) {}

  /// TLS where it comes at once, and the greeting.
  Obstacle greeted();
  /// greeted(), and EHLO.
  Obstacle introduced();
  /// introduced(), and, where it is offered, STARTTLS and EHLO again.
  Obstacle secured();
  /// secured(), and AUTH PLAIN where the target has a user.
  Obstacle logged_in();
  /// logged_in(), and MAIL.
  Obstacle with_sender();
  /// with_sender(), and RCPT.
  Obstacle with_recipient();
  /// with_recipient(), and DATA up to its 354.
  Obstacle with_data();

  /// EHLO, whose keywords are kept.
  Obstacle hello();
  /// STARTTLS and the handshake.
  Obstacle start_tls();

  SmtpAnswer command(std::string_view line);
  SmtpAnswer answer();
  /// Says QUIT, and reads until the server closes or says nothing: all that came but replies 221 and 421,
  /// which only end a session. At most 1000.
  std::vector<SmtpAnswer> rest();
  /// The same without QUIT: the sending half is ended instead.
  std::vector<SmtpAnswer> rest_at_end_of_input();
  /// After rest(): that it ended with silence, or with too much, and so does not tell what else the server
  /// made of what it was sent. Where a case passes for want of answers, this comes first.
  Obstacle unheard() const;

  /// Of the last EHLO.
  bool offers(std::string_view keyword) const;
  /// What stands behind a keyword; "" when it has no parameter, or is not there.
  std::string parameter(std::string_view keyword) const;
  bool offers_mechanism(std::string_view mechanism) const;
  /// A domain that the server has mailboxes of: as the target says, or the name that the server gave itself.
  std::string local_domain() const;

  std::string mail_command() const { return "MAIL FROM:<" + target_.sender + ">"; }
  std::string recipient_command() const { return "RCPT TO:<" + target_.recipient + ">"; }
  AuditTalk& talk() { return talk_; }
  const AuditTarget& target() const { return target_; }

 private:
  std::vector<SmtpAnswer> read_on();

  AuditTalk& talk_;
  const AuditTarget& target_;
  std::string greeting_name_;
  std::vector<std::string> keywords_;
  bool ended_ = false;  ///< the server said that the session is over
};

/// What `answer` means where the server has to refuse, or to hang up: pass, fail with `harm` as the reason,
/// or unsure where it says nothing.
AuditFinding must_refuse(const AuditTalk& talk, const SmtpAnswer& answer, std::string_view harm);

/// A harmless message, with CR LF at its end, that programs do not answer (RFC 3834 s. 5).
std::string audit_message(std::string_view subject);

/// "audit.invalid" (RFC 2606): the name in EHLO.
inline constexpr std::string_view kAuditName = "audit.invalid";

}  // namespace hikyaku::probe
