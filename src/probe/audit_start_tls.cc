// STARTTLS of SMTP (RFC 3207): nothing that was said in plain text may count under TLS.
#include <string>
#include <utility>

#include "probe/audit_classes.h"
#include "probe/audit_smtp.h"

namespace hikyaku::probe {
namespace {

AuditSmtpTalk::Obstacle ready_for_tls(AuditSmtpTalk& smtp) {
  if (auto no = smtp.introduced()) return no;
  if (smtp.talk().under_tls()) return not_applicable("TLS comes at once, without STARTTLS");
  if (!smtp.offers("STARTTLS")) return not_applicable("the server offers no STARTTLS");
  return std::nullopt;
}

/// Before the handshake nothing may come behind the 220; under TLS exactly the answer to EHLO, and one to
/// what was injected would come before it.
AuditFinding judge_injection(AuditSmtpTalk& smtp) {
  auto& talk = smtp.talk();
  if (talk.injected() > 0)
    return failed("the server went on answering in plain text behind its 220, " +
                  std::to_string(talk.injected()) + " octets");
  talk.send("EHLO " + std::string(kAuditName) + "\r\n");
  const auto first = smtp.answer();
  if (first.none()) return must_refuse(talk, first, "");
  if (first.code != 250 || first.text.find('\n') == std::string::npos)
    return failed("under TLS the server answered a command that was sent in plain text: " + first.quoted());
  const auto more = smtp.rest();
  if (!more.empty())
    return failed("under TLS came an answer too many, to a command that was sent in plain text: " +
                  more.front().quoted());
  if (auto no = smtp.unheard()) return *no;
  return passed("under TLS only what was sent under TLS was answered");
}

AuditFinding inject(AuditTalk& talk, const AuditTarget& target, std::string_view injected) {
  AuditSmtpTalk smtp(talk, target);
  if (auto no = ready_for_tls(smtp)) return *no;
  talk.send("STARTTLS\r\n" + std::string(injected));
  if (const auto answer = smtp.answer(); answer.code != 220) {
    if (answer.none()) return must_refuse(talk, answer, "");
    return passed("STARTTLS was refused together with what was behind it: " + answer.quoted());
  }
  if (!talk.start_tls(target.server_name)) return passed("the handshake failed: " + talk.tls_error());
  return judge_injection(smtp);
}

/// The same behind the 220, where a buffer of the server may hold it until the handshake is over.
AuditFinding inject_late(AuditTalk& talk, const AuditTarget& target) {
  AuditSmtpTalk smtp(talk, target);
  if (auto no = ready_for_tls(smtp)) return *no;
  if (const auto answer = smtp.command("STARTTLS"); answer.code != 220)
    return unsure("STARTTLS was offered, but not done: " + answer.quoted());
  talk.send("XYZZY\r\n");
  if (!talk.start_tls(target.server_name)) return passed("the handshake failed: " + talk.tls_error());
  return judge_injection(smtp);
}

AuditFinding keeps_sender(AuditTalk& talk, const AuditTarget& target) {
  AuditSmtpTalk smtp(talk, target);
  if (auto no = ready_for_tls(smtp)) return *no;
  if (const auto answer = smtp.command(smtp.mail_command()); answer.code != 250)
    return not_applicable("MAIL is refused before TLS: " + answer.quoted());
  if (const auto answer = smtp.command("STARTTLS"); answer.code != 220) {
    if (answer.refused()) return passed("STARTTLS is refused within a transaction: " + answer.quoted());
    return unsure("STARTTLS was not done: " + answer.quoted());
  }
  if (!talk.start_tls(target.server_name)) return unsure("no TLS: " + talk.tls_error());
  // Without EHLO, which would end the transaction by itself.
  return must_refuse(talk, smtp.command(smtp.recipient_command()),
                     "the transaction that was begun in plain text goes on under TLS");
}

AuditFinding offered_again(AuditTalk& talk, const AuditTarget& target) {
  AuditSmtpTalk smtp(talk, target);
  if (auto no = ready_for_tls(smtp)) return *no;
  if (auto no = smtp.start_tls()) return *no;
  if (auto no = smtp.hello()) return *no;
  if (smtp.offers("STARTTLS")) return failed("under TLS the server offers STARTTLS");
  return passed("under TLS STARTTLS is not offered");
}

AuditFinding twice(AuditTalk& talk, const AuditTarget& target) {
  AuditSmtpTalk smtp(talk, target);
  if (auto no = smtp.secured()) return *no;
  if (!talk.under_tls()) return not_applicable("the server offers no STARTTLS");
  return must_refuse(talk, smtp.command("STARTTLS"), "under TLS STARTTLS was taken once more");
}

AuditFinding with_argument(AuditTalk& talk, const AuditTarget& target) {
  AuditSmtpTalk smtp(talk, target);
  if (auto no = ready_for_tls(smtp)) return *no;
  return must_refuse(talk, smtp.command("STARTTLS now"), "STARTTLS was taken with an argument");
}

/// RFC 6409 s. 4.3: who submits has to say who they are.
AuditFinding submission_without_login(AuditTalk& talk, const AuditTarget& target) {
  if (!target.submission) return not_applicable("the port is not one for submission");
  AuditSmtpTalk smtp(talk, target);
  if (auto no = smtp.secured()) return *no;
  const auto sender = smtp.command(smtp.mail_command());
  if (!sender.taken()) return must_refuse(talk, sender, "");
  const auto recipient = smtp.command("RCPT TO:<audit@" + target.relay_domain + ">");
  return must_refuse(talk, recipient, "mail may be submitted without a login");
}

}  // namespace

void add_smtp_tls_cases(AuditCases& cases) {
  const CaseAdder add(cases, AuditProtocol::smtp);
  constexpr std::string_view kInjection = "RFC 3207 s. 4.2, 6; CVE-2011-0411, CVE-2021-33515, VU#555316";
  add("starttls-injection", "a command in the packet of STARTTLS is answered under TLS", kInjection,
      [](AuditTalk& talk, const AuditTarget& target) { return inject(talk, target, "XYZZY\r\n"); });
  add("starttls-injection-session", "EHLO and RSET in the packet of STARTTLS are answered under TLS",
      kInjection, [](AuditTalk& talk, const AuditTarget& target) {
        return inject(talk, target, "EHLO injected.invalid\r\nRSET\r\n");
      });
  add("starttls-injection-late",
      "a command between the 220 to STARTTLS and the handshake is answered under TLS", kInjection,
      inject_late);
  add("starttls-keeps-sender", "MAIL of before STARTTLS counts under TLS", "RFC 3207 s. 4.2", keeps_sender);
  add("starttls-offered-again", "STARTTLS is offered under TLS", "RFC 3207 s. 4.2", offered_again);
  add("starttls-twice", "STARTTLS is taken under TLS", "RFC 3207 s. 4.2", twice);
  add("starttls-argument", "STARTTLS is taken with an argument", "RFC 3207 s. 4", with_argument);
  add("submission-without-login", "mail is submitted without a login", "RFC 6409 s. 4.3",
      submission_without_login);
}

}  // namespace hikyaku::probe
