// Parameters that lie, commands that only friends may use, and protocols that are not SMTP.
#include <string>
#include <utility>

#include "probe/audit_classes.h"
#include "probe/audit_smtp.h"

namespace hikyaku::probe {
namespace {

/// A line that the server must refuse.
struct Refused {
  enum class Stage : unsigned char {
    hello,   ///< behind EHLO, under TLS where there is any, without a login
    login,   ///< with a login where the target has a user
    sender,  ///< behind MAIL
  };
  std::string_view id, title, reference;
  Stage stage;
  std::string_view needs;  ///< the keyword of EHLO that it is about; empty: none
  std::string_view command, harm;
  /// What it does cannot be seen from outside.
  bool harm_is_hidden = false;
};

// {TO} is the recipient of the target.
constexpr Refused kRefused[] = {
    {"size-past-64-bits", "a declared size of 2^64 + 1 is taken for 1", "RFC 1870 s. 6, 6.1",
     Refused::Stage::login, "SIZE", "MAIL FROM:<> SIZE=18446744073709551617",
     "a size past 64 bits was taken"},
    {"size-negative", "a negative declared size is taken", "RFC 1870 s. 6", Refused::Stage::login, "SIZE",
     "MAIL FROM:<> SIZE=-1", "a negative size was taken"},
    {"unknown-parameter", "a parameter that nobody defined is taken", "RFC 5321 s. 4.1.1.11",
     Refused::Stage::login, "", "MAIL FROM:<> XYZZY=1", "a parameter that the server can't know was taken"},
    {"envid-line-end", "CR LF in ENVID, in xtext, may become a line of a notification", "RFC 3461 s. 4, 4.4",
     Refused::Stage::login, "DSN", "MAIL FROM:<> ENVID=audit+0D+0AX-Injected:+20yes",
     "an ENVID with a line end was taken; see whether a notification shows it as a line of its own", true},
    {"orcpt-line-end", "CR LF in ORCPT, in xtext, may become a line of a notification", "RFC 3461 s. 4, 4.2",
     Refused::Stage::sender, "DSN", "RCPT TO:<{TO}> ORCPT=rfc822;audit+0D+0AX-Injected:+20yes",
     "an ORCPT with a line end was taken; see whether a notification shows it as a line of its own", true},
    {"xtext-malformed", "an escape in xtext that is none is taken", "RFC 3461 s. 4", Refused::Stage::sender,
     "DSN", "RCPT TO:<{TO}> ORCPT=rfc822;audit+ZZ", "malformed xtext was taken"},
    {"xclient", "any client may say with XCLIENT who it is", "Postfix XCLIENT_README", Refused::Stage::hello,
     "", "XCLIENT ADDR=192.0.2.1 NAME=audit.invalid", "XCLIENT of a stranger was taken"},
    {"xforward", "any client may say with XFORWARD where mail comes from", "Postfix XFORWARD_README",
     Refused::Stage::hello, "", "XFORWARD ADDR=192.0.2.1 NAME=audit.invalid",
     "XFORWARD of a stranger was taken"},
    {"debug", "DEBUG is there", "CVE-1999-0095", Refused::Stage::hello, "", "DEBUG", "DEBUG was taken"},
    {"wiz", "WIZ is there", "CVE-1999-0145", Refused::Stage::hello, "", "WIZ", "WIZ was taken"},
    {"turn", "TURN hands out mail to who asks", "RFC 5321 s. F.1", Refused::Stage::hello, "", "TURN",
     "TURN was taken"},
    {"expn", "EXPN shows who is behind an address", "RFC 5321 s. 3.5.3, 7.3", Refused::Stage::hello, "",
     "EXPN postmaster", "EXPN was answered"},
};

AuditFinding refused(AuditTalk& talk, const AuditTarget& target, const Refused& one) {
  AuditSmtpTalk smtp(talk, target);
  if (auto no = one.stage == Refused::Stage::hello   ? smtp.secured()
                : one.stage == Refused::Stage::login ? smtp.logged_in()
                                                     : smtp.with_sender())
    return *no;
  if (!one.needs.empty() && !smtp.offers(one.needs))
    return not_applicable("the server offers no " + std::string(one.needs));
  std::string command(one.command);
  if (const auto at = command.find("{TO}"); at != std::string::npos) command.replace(at, 4, target.recipient);
  auto finding = must_refuse(talk, smtp.command(command), one.harm);
  if (one.harm_is_hidden && finding.verdict == AuditFinding::Verdict::fail)
    finding.verdict = AuditFinding::Verdict::information;
  return finding;
}

AuditFinding size_over_limit(AuditTalk& talk, const AuditTarget& target) {
  AuditSmtpTalk smtp(talk, target);
  if (auto no = smtp.logged_in()) return *no;
  const auto limit = smtp.parameter("SIZE");
  if (limit.empty() || limit.size() > 18 || limit.find_first_not_of("0123456789") != std::string::npos ||
      limit == "0")
    return not_applicable("the server tells no limit of size");
  const auto over = std::to_string(std::stoull(limit) + 1);
  return must_refuse(talk, smtp.command("MAIL FROM:<" + target.sender + "> SIZE=" + over),
                     "a size over the limit that the server tells was taken");
}

/// PROXY (HAProxy) is swallowed by a server that believes it, and refused as a command by any other.
AuditFinding proxy(AuditTalk& talk, const AuditTarget& target) {
  if (target.tls_at_once) return not_applicable("PROXY would come before TLS, where no answer tells of it");
  talk.send("PROXY TCP4 192.0.2.1 192.0.2.2 1111 25\r\n");
  AuditSmtpTalk smtp(talk, target);
  const auto greeting = smtp.answer();
  if (greeting.code != 220) return must_refuse(talk, greeting, "");
  return must_refuse(talk, smtp.command("EHLO " + std::string(kAuditName)),
                     "the header of the PROXY protocol of a stranger was taken as that of a proxy");
}

/// A browser can be made to send such a thing; what it says for others must not be heard.
AuditFinding http(AuditTalk& talk, const AuditTarget& target, std::string_view method) {
  AuditSmtpTalk smtp(talk, target);
  if (auto no = smtp.greeted()) return *no;
  const std::string body = "EHLO " + std::string(kAuditName) + "\r\nRSET\r\n";
  talk.send(std::string(method) +
            " / HTTP/1.1\r\nHost: audit.invalid\r\nContent-Type: text/plain\r\nContent-Length: " +
            std::to_string(body.size()) + "\r\n\r\n" + body);
  for (const auto& answer : smtp.rest()) {
    if (answer.taken())
      return failed("a command in the body of a request of HTTP was answered: " + answer.quoted());
  }
  if (auto no = smtp.unheard()) return *no;
  return passed("no command in a request of HTTP was taken");
}

/// What is behind DATA that is refused is content for the client, and commands for the server.
AuditFinding content_behind_refused_data(AuditTalk& talk, const AuditTarget& target) {
  AuditSmtpTalk smtp(talk, target);
  if (auto no = smtp.logged_in()) return *no;
  talk.send("DATA\r\nNOOP\r\nNOOP\r\n.\r\n");
  const auto first = smtp.answer();
  if (first.none() || first.taken()) return must_refuse(talk, first, "DATA was taken without MAIL and RCPT");
  for (const auto& answer : smtp.rest()) {
    if (answer.taken())
      return noted(
          "content behind a refused DATA, which the client should have waited for, was read as commands: " +
          first.quoted() + ", then " + answer.quoted());
  }
  if (auto no = smtp.unheard()) return *no;
  return passed("what was sent behind a refused DATA was not read as commands: " + first.quoted());
}

AuditFinding etrn(AuditTalk& talk, const AuditTarget& target) {
  AuditSmtpTalk smtp(talk, target);
  if (auto no = smtp.secured()) return *no;
  const auto answer = smtp.command("ETRN " + target.relay_domain);
  if (answer.taken()) return noted("ETRN of a stranger has the server try mail again: " + answer.quoted());
  return must_refuse(talk, answer, "");
}

}  // namespace

void add_command_cases(AuditCases& cases) {
  const CaseAdder add(cases, AuditProtocol::smtp);
  for (const auto& one : kRefused) {
    add(one.id, one.title, one.reference,
        [&one](AuditTalk& talk, const AuditTarget& target) { return refused(talk, target, one); });
  }
  add("size-over-limit", "a declared size over the limit is taken", "RFC 1870 s. 6.1", size_over_limit);
  add("proxy-header", "any client may say with the PROXY protocol who it is", "HAProxy, The PROXY protocol",
      proxy);
  add("http-get", "a GET of HTTP is heard, with commands in its body", "CVE-2021-3618 (ALPACA); CWE-441",
      [](AuditTalk& talk, const AuditTarget& target) { return http(talk, target, "GET"); });
  add("http-post", "a POST of HTTP is heard, with commands in its body", "CVE-2021-3618 (ALPACA); CWE-441",
      [](AuditTalk& talk, const AuditTarget& target) { return http(talk, target, "POST"); });
  add("content-behind-refused-data", "content that is sent behind a refused DATA is read as commands",
      "RFC 2920 s. 3.1; VU#302671", content_behind_refused_data);
  add("etrn", "ETRN has the server try mail of others again", "RFC 1985", etrn);
}

}  // namespace hikyaku::probe
