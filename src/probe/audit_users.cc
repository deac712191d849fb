// Who has a mailbox or a login here: what a stranger can find out by asking.
#include <chrono>
#include <string>
#include <utility>

#include "probe/audit_classes.h"
#include "probe/audit_login.h"
#include "probe/audit_smtp.h"

namespace hikyaku::probe {
namespace {

constexpr int kGuesses = 30;
constexpr std::chrono::milliseconds kSlowed{5000};

/// Refusals that a server means for everybody are no knowledge.
bool differ(const SmtpAnswer& one, const SmtpAnswer& other) { return one.taken() != other.taken(); }

AuditFinding verify(AuditTalk& talk, const AuditTarget& target) {
  AuditSmtpTalk smtp(talk, target);
  if (auto no = smtp.secured()) return *no;
  const auto known = smtp.command("VRFY " + target.recipient);
  const auto unknown = smtp.command("VRFY " + std::string(kNobody));
  if (known.none() || unknown.none()) return must_refuse(talk, known.none() ? known : unknown, "");
  if (differ(known, unknown))
    return noted("VRFY tells who has a mailbox: " + known.quoted() + " for " + target.recipient + ", else " +
                 unknown.quoted());
  return passed("VRFY says the same of everybody: " + unknown.quoted());
}

AuditFinding recipients(AuditTalk& talk, const AuditTarget& target) {
  AuditSmtpTalk smtp(talk, target);
  if (auto no = smtp.with_recipient()) return *no;
  const auto unknown = smtp.command("RCPT TO:<" + std::string(kNobody) + "@" + smtp.local_domain() + ">");
  if (unknown.none()) return must_refuse(talk, unknown, "");
  if (unknown.refused())
    return noted("RCPT tells who has a mailbox, as it has to for mail not to bounce later: " +
                 unknown.quoted());
  return passed("RCPT says the same of everybody: " + unknown.quoted());
}

SmtpAnswer failed_login(AuditSmtpTalk& smtp, std::string_view user) {
  return smtp.command("AUTH PLAIN " + plain_message("", user, "hikyaku-audit-wrong"));
}

AuditFinding logins(AuditTalk& talk, const AuditTarget& target) {
  AuditSmtpTalk smtp(talk, target);
  if (auto no = smtp.secured()) return *no;
  if (!smtp.offers_mechanism("PLAIN")) return not_applicable("the server offers no AUTH PLAIN");
  const auto user = likely_user(target);
  const auto known = failed_login(smtp, user);
  const auto unknown = failed_login(smtp, kNobody);
  if (known.none() || unknown.none()) return must_refuse(talk, known.none() ? known : unknown, "");
  if (known.taken() || unknown.taken()) return failed("a wrong password logs in");
  if (wording(known.text) != wording(unknown.text))
    return failed("a login that fails tells whether the user is there: " + known.quoted() + " for " + user +
                  ", else " + unknown.quoted());
  return passed("a login that fails says the same of " + user +
                (target.user.empty() ? " (--user names one who is there)" : "") +
                " and of nobody: " + unknown.quoted());
}

/// A password is found by trying, if nobody minds.
AuditFinding guessing(AuditTalk& talk, const AuditTarget& target) {
  AuditSmtpTalk smtp(talk, target);
  if (auto no = smtp.secured()) return *no;
  if (!smtp.offers_mechanism("PLAIN")) return not_applicable("the server offers no AUTH PLAIN");
  const auto began = talk.now();
  for (int count = 1; count <= kGuesses; ++count) {
    const auto answer = failed_login(smtp, kNobody);
    if (answer.code == 421 || answer.code == 221 || talk.state() == AuditTalk::State::closed)
      return passed("the server ended the session at wrong login " + std::to_string(count));
    if (answer.none())
      return unsure("at wrong login " + std::to_string(count) + " the server " + answer.text);
    if (talk.now() - began >= kSlowed)
      return passed("the server slows down who guesses: " + std::to_string(count) + " wrong logins took " +
                    std::to_string((talk.now() - began).count()) + " ms");
  }
  return failed(std::to_string(kGuesses) + " wrong logins were answered at full speed");
}

}  // namespace

void add_user_cases(AuditCases& cases) {
  const CaseAdder add(cases, AuditProtocol::smtp);
  add("users-by-vrfy", "VRFY tells who has a mailbox", "RFC 5321 s. 3.5.3, 7.3", verify);
  add("users-by-rcpt", "RCPT tells who has a mailbox", "RFC 5321 s. 3.3, 7.3", recipients);
  add("users-by-auth", "a login that fails tells whether the user is there", "CWE-204; RFC 4954 s. 4, 6",
      logins);
  add("auth-guessing", "a client may try passwords without end", "CWE-307; RFC 4954 s. 9", guessing);
}

}  // namespace hikyaku::probe
