// AUTH (RFC 4954): never in plain text, in its place in the session, and with nothing but what is asked for.
#include <string>
#include <utility>

#include "probe/audit_classes.h"
#include "probe/audit_login.h"
#include "probe/audit_smtp.h"

namespace hikyaku::probe {
namespace {

constexpr std::size_t kHugeAnswer = 1024UL * 1024;

/// Up to where PLAIN can be tried: under TLS if there is any.
AuditSmtpTalk::Obstacle ready_for_plain(AuditSmtpTalk& smtp) {
  if (auto no = smtp.secured()) return no;
  if (!smtp.offers("AUTH")) return not_applicable("the server offers no AUTH");
  if (!smtp.offers_mechanism("PLAIN")) return not_applicable("the server offers no AUTH PLAIN");
  return std::nullopt;
}

/// With a real login, that is taken.
AuditSmtpTalk::Obstacle ready_with_user(AuditSmtpTalk& smtp) {
  if (smtp.target().user.empty()) return not_applicable("the case needs --user and --password-file");
  return ready_for_plain(smtp);
}

AuditSmtpTalk::Obstacle challenged(AuditSmtpTalk& smtp) {
  if (auto no = ready_for_plain(smtp)) return no;
  if (const auto answer = smtp.command("AUTH PLAIN"); answer.code != 334) {
    if (answer.refused()) return passed("AUTH PLAIN without its message was refused: " + answer.quoted());
    return must_refuse(smtp.talk(), answer, "AUTH PLAIN was taken without a message");
  }
  return std::nullopt;
}

AuditFinding offered_in_plain_text(AuditTalk& talk, const AuditTarget& target) {
  if (target.tls_at_once) return not_applicable("TLS comes at once");
  AuditSmtpTalk smtp(talk, target);
  if (auto no = smtp.introduced()) return *no;
  for (const auto* mechanism : {"PLAIN", "LOGIN"}) {
    if (smtp.offers_mechanism(mechanism))
      return failed("AUTH " + std::string(mechanism) + " is offered without TLS: passwords go in plain text");
  }
  return passed("no mechanism that shows the password is offered without TLS");
}

AuditFinding checked_in_plain_text(AuditTalk& talk, const AuditTarget& target) {
  if (target.tls_at_once) return not_applicable("TLS comes at once");
  AuditSmtpTalk smtp(talk, target);
  if (auto no = smtp.introduced()) return *no;
  const auto answer = smtp.command("AUTH PLAIN " + plain_message("", kNobody, "wrong"));
  if (answer.code == 535 || answer.taken())
    return failed("a password was checked without TLS: " + answer.quoted());
  return must_refuse(talk, answer, "");
}

AuditFinding within_transaction(AuditTalk& talk, const AuditTarget& target) {
  AuditSmtpTalk smtp(talk, target);
  if (auto no = ready_for_plain(smtp)) return *no;
  if (const auto answer = smtp.command(smtp.mail_command()); answer.code != 250)
    return not_applicable("MAIL is refused before AUTH: " + answer.quoted());
  const auto answer = smtp.command("AUTH PLAIN " + plain_message("", kNobody, "wrong"));
  if (answer.code == 535) return failed("AUTH was done within a transaction: " + answer.quoted());
  return must_refuse(talk, answer, "AUTH was done within a transaction");
}

AuditFinding twice(AuditTalk& talk, const AuditTarget& target) {
  AuditSmtpTalk smtp(talk, target);
  if (target.user.empty()) return not_applicable("the case needs --user and --password-file");
  if (auto no = smtp.logged_in()) return *no;
  const auto answer = smtp.command("AUTH PLAIN " + plain_message("", kNobody, "wrong"));
  if (answer.code == 535) return failed("AUTH was done a second time: " + answer.quoted());
  return must_refuse(talk, answer, "AUTH was done a second time");
}

AuditFinding cancelled(AuditTalk& talk, const AuditTarget& target) {
  AuditSmtpTalk smtp(talk, target);
  if (auto no = challenged(smtp)) return *no;
  const auto answer = smtp.command("*");
  if (answer.code == 334) return failed("\"*\" did not end the exchange: " + answer.quoted());
  return must_refuse(talk, answer, "\"*\" was taken as a login");
}

/// An answer that is no base64, or far too long: refused, and one line for all that.
AuditFinding bad_answer(AuditTalk& talk, const AuditTarget& target, std::string_view octets,
                        std::string_view shown, std::string_view harm) {
  AuditSmtpTalk smtp(talk, target);
  if (auto no = challenged(smtp)) return *no;
  talk.send(std::string(octets) + "\r\n", shown);
  const auto answer = smtp.answer();
  if (!answer.refused()) return must_refuse(talk, answer, harm);
  if (const auto more = smtp.rest(); !more.empty())
    return failed("the rest of the answer was read as a command: " + more.front().quoted());
  if (auto no = smtp.unheard()) return *no;
  return passed("refused: " + answer.quoted());
}

/// A login that must not be one, whoever the user is.
AuditFinding bad_login(AuditTalk& talk, const AuditTarget& target, const std::string& initial,
                       std::string_view harm) {
  AuditSmtpTalk smtp(talk, target);
  if (auto no = ready_for_plain(smtp)) return *no;
  return must_refuse(talk, smtp.command("AUTH PLAIN " + initial), harm);
}

/// The same with the right password, which is not shown.
AuditFinding almost_right(AuditTalk& talk, const AuditTarget& target, const std::string& initial,
                          std::string_view shown, std::string_view harm) {
  AuditSmtpTalk smtp(talk, target);
  if (auto no = ready_with_user(smtp)) return *no;
  if (!talk.under_tls()) return not_applicable("no password is sent without TLS, and the server has none");
  talk.send("AUTH PLAIN " + initial + "\r\n", shown);
  return must_refuse(talk, smtp.answer(), harm);
}

void add_order_cases(const CaseAdder& add) {
  add("offered-without-tls", "a mechanism that shows the password is offered without TLS",
      "RFC 4954 s. 4, 9; RFC 8314 s. 3", offered_in_plain_text);
  add("checked-without-tls", "a password is checked without TLS", "RFC 4954 s. 4, 9; RFC 8314 s. 3",
      checked_in_plain_text);
  add("within-transaction", "AUTH is done within a transaction", "RFC 4954 s. 4", within_transaction);
  add("twice", "AUTH is done a second time", "RFC 4954 s. 4", twice);
  add("cancelled", "\"*\" does not end the exchange", "RFC 4954 s. 4", cancelled);
  add("bad-base64", "an answer that is no base64 is taken", "RFC 4954 s. 4",
      [](AuditTalk& talk, const AuditTarget& target) {
        return bad_answer(talk, target, "!!! no base64 !!!", {}, "an answer that is no base64 was taken");
      });
  add("huge-answer", "an answer of 1 MiB is taken, or cut into commands", "RFC 4954 s. 4",
      [](AuditTalk& talk, const AuditTarget& target) {
        return bad_answer(talk, target, std::string(kHugeAnswer, 'A'), "(1 MiB of A)\r\n",
                          "an answer of 1 MiB was taken");
      });
}

void add_login_cases(const CaseAdder& add) {
  add("empty-message", "an empty message (\"=\") logs in", "RFC 4954 s. 4; RFC 4616 s. 2",
      [](AuditTalk& talk, const AuditTarget& target) {
        return bad_login(talk, target, "=", "an empty message was taken");
      });
  add("empty-password", "an empty password logs in, as with a directory's unauthenticated bind",
      "RFC 4513 s. 5.1.2; RFC 4616 s. 2", [](AuditTalk& talk, const AuditTarget& target) {
        return bad_login(talk, target, plain_message("", likely_user(target), ""),
                         "an empty password logs in");
      });
  add("empty-user", "an empty user name logs in", "RFC 4616 s. 2",
      [](AuditTalk& talk, const AuditTarget& target) {
        return bad_login(talk, target, plain_message("", "", ""), "an empty user name logs in");
      });
  add("nul-behind-password", "a NUL hides what is behind the password", "RFC 4616 s. 2",
      [](AuditTalk& talk, const AuditTarget& target) {
        return almost_right(talk, target,
                            plain_message("", target.user, target.password + std::string(1, '\0') + "x"),
                            "AUTH PLAIN (the password of the user, a NUL and more)\r\n",
                            "what is behind a NUL in a password was not seen");
      });
  add("as-somebody-else", "who has logged in may act as somebody else", "RFC 4616 s. 2",
      [](AuditTalk& talk, const AuditTarget& target) {
        return almost_right(talk, target, plain_message(kNobody, target.user, target.password),
                            "AUTH PLAIN (as hikyaku-audit-nobody, with the password of the user)\r\n",
                            "the user may act as somebody else");
      });
}

}  // namespace

void add_auth_cases(AuditCases& cases) {
  const CaseAdder add(cases, AuditProtocol::smtp, "auth-");
  add_order_cases(add);
  add_login_cases(add);
}

}  // namespace hikyaku::probe
