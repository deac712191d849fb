// IMAP (RFC 9051, 3501) before the login.
#include <chrono>
#include <string>
#include <utility>

#include "probe/audit_classes.h"
#include "probe/audit_imap.h"
#include "probe/audit_login.h"

namespace hikyaku::probe {
namespace {

using namespace std::string_view_literals;

constexpr int kBadCommands = 60, kGuesses = 30;
constexpr std::chrono::milliseconds kSlowed{5000};
constexpr std::string_view kTag = "audit-1";

// ---- STARTTLS ----

AuditFinding judge_injection(ImapTalk& imap) {
  if (imap.talk().injected() > 0) return failed("the server went on answering in plain text behind its OK");
  const auto answer = imap.command("audit-2", "NOOP");
  if (answer.kind == ImapAnswer::Kind::none) return must_refuse(imap.talk(), answer, "");
  for (const auto& line : answer.untagged) {
    if (line.starts_with("injected"))
      return failed("under TLS the server answered a command that was sent in plain text: " +
                    ImapAnswer{ImapAnswer::Kind::ok, line, {}}.quoted());
  }
  if (answer.text.starts_with("injected"))
    return failed("under TLS the server answered a command that was sent in plain text: " + answer.quoted());
  for (const auto& line : imap.rest()) {
    if (line.starts_with("injected"))
      return failed("under TLS a command that was sent in plain text was answered");
  }
  if (auto no = imap.unheard()) return *no;
  return passed("under TLS only what was sent under TLS was answered");
}

AuditFinding inject(AuditTalk& talk, const AuditTarget& target) {
  ImapTalk imap(talk, target);
  if (auto no = imap.introduced()) return *no;
  if (talk.under_tls()) return not_applicable("TLS comes at once, without STARTTLS");
  if (!imap.offers("STARTTLS")) return not_applicable("the server offers no STARTTLS");
  talk.send(std::string(kTag) + " STARTTLS\r\ninjected NOOP\r\n");
  if (const auto answer = imap.answer(kTag); answer.kind != ImapAnswer::Kind::ok) {
    if (answer.kind == ImapAnswer::Kind::none) return must_refuse(talk, answer, "");
    return passed("STARTTLS was refused together with what was behind it: " + answer.quoted());
  }
  if (!talk.start_tls(target.server_name)) return passed("the handshake failed: " + talk.tls_error());
  return judge_injection(imap);
}

AuditFinding inject_late(AuditTalk& talk, const AuditTarget& target) {
  ImapTalk imap(talk, target);
  if (auto no = imap.up_to_handshake()) return *no;
  talk.send("injected NOOP\r\n");
  if (!talk.start_tls(target.server_name)) return passed("the handshake failed: " + talk.tls_error());
  return judge_injection(imap);
}

AuditFinding twice(AuditTalk& talk, const AuditTarget& target) {
  ImapTalk imap(talk, target);
  if (auto no = imap.secured()) return *no;
  if (!talk.under_tls()) return not_applicable("the server offers no STARTTLS");
  return must_refuse(talk, imap.command(kTag, "STARTTLS"), "under TLS STARTTLS was taken once more");
}

AuditFinding offered_again(AuditTalk& talk, const AuditTarget& target) {
  ImapTalk imap(talk, target);
  if (auto no = imap.secured()) return *no;
  if (!talk.under_tls()) return not_applicable("the server offers no STARTTLS");
  return imap.offers("STARTTLS") ? failed("under TLS the server offers STARTTLS")
                                 : passed("under TLS STARTTLS is not offered");
}

// ---- logins ----

AuditFinding login_not_disabled(AuditTalk& talk, const AuditTarget& target) {
  if (target.tls_at_once) return not_applicable("TLS comes at once");
  ImapTalk imap(talk, target);
  if (auto no = imap.introduced()) return *no;
  if (imap.offers("AUTH=PLAIN") || imap.offers("AUTH=LOGIN"))
    return failed("AUTH=PLAIN or AUTH=LOGIN is offered without TLS: passwords go in plain text");
  return imap.offers("LOGINDISABLED") ? passed("LOGINDISABLED is told without TLS")
                                      : failed("LOGIN is offered without TLS: there is no LOGINDISABLED");
}

AuditFinding login_in_plain_text(AuditTalk& talk, const AuditTarget& target) {
  if (target.tls_at_once) return not_applicable("TLS comes at once");
  ImapTalk imap(talk, target);
  if (auto no = imap.introduced()) return *no;
  const auto answer = imap.command(kTag, "LOGIN " + std::string(kNobody) + " wrong");
  if (answer.text.find("AUTHENTICATIONFAILED") != std::string::npos)
    return failed("a password was checked without TLS: " + answer.quoted());
  return must_refuse(talk, answer, "a login was taken without TLS");
}

AuditFinding authenticate_in_plain_text(AuditTalk& talk, const AuditTarget& target) {
  if (target.tls_at_once) return not_applicable("TLS comes at once");
  ImapTalk imap(talk, target);
  if (auto no = imap.introduced()) return *no;
  return must_refuse(talk, imap.command(kTag, "AUTHENTICATE PLAIN"),
                     "AUTHENTICATE PLAIN was begun without TLS");
}

AuditFinding exchange(AuditTalk& talk, const AuditTarget& target, std::string_view reply,
                      std::string_view harm) {
  ImapTalk imap(talk, target);
  if (auto no = imap.secured()) return *no;
  if (!imap.offers("AUTH=PLAIN")) return not_applicable("the server offers no AUTHENTICATE PLAIN");
  if (const auto answer = imap.command(kTag, "AUTHENTICATE PLAIN"); answer.kind != ImapAnswer::Kind::go_on)
    return must_refuse(talk, answer, "AUTHENTICATE PLAIN was taken without a message");
  talk.send(std::string(reply) + "\r\n");
  return must_refuse(talk, imap.answer(kTag), harm);
}

AuditFinding empty_password(AuditTalk& talk, const AuditTarget& target) {
  ImapTalk imap(talk, target);
  if (auto no = imap.secured()) return *no;
  if (imap.offers("LOGINDISABLED")) return not_applicable("the server has LOGIN disabled");
  return must_refuse(talk, imap.command(kTag, "LOGIN \"" + likely_user(target) + "\" \"\""),
                     "an empty password logs in");
}

AuditFinding users(AuditTalk& talk, const AuditTarget& target) {
  ImapTalk imap(talk, target);
  if (auto no = imap.secured()) return *no;
  if (imap.offers("LOGINDISABLED")) return not_applicable("the server has LOGIN disabled");
  const auto user = likely_user(target);
  const auto known = imap.command(kTag, "LOGIN \"" + user + "\" hikyaku-audit-wrong");
  const auto unknown = imap.command(kTag, "LOGIN \"" + std::string(kNobody) + "\" hikyaku-audit-wrong");
  for (const auto* one : {&known, &unknown}) {
    if (one->kind == ImapAnswer::Kind::none) return must_refuse(talk, *one, "");
    if (one->kind == ImapAnswer::Kind::ok) return failed("a wrong password logs in");
  }
  if (wording(known.text) != wording(unknown.text))
    return failed("a login that fails tells whether the user is there: " + known.quoted() + " for " + user +
                  ", else " + unknown.quoted());
  return passed("a login that fails says the same of " + user +
                (target.user.empty() ? " (--user names one who is there)" : "") +
                " and of nobody: " + unknown.quoted());
}

/// A password is found by trying, if nobody minds.
AuditFinding guessing(AuditTalk& talk, const AuditTarget& target) {
  ImapTalk imap(talk, target);
  if (auto no = imap.secured()) return *no;
  if (imap.offers("LOGINDISABLED")) return not_applicable("the server has LOGIN disabled");
  const auto began = talk.now();
  for (int count = 1; count <= kGuesses; ++count) {
    const auto answer = imap.command(kTag, "LOGIN " + std::string(kNobody) + " hikyaku-audit-wrong");
    if (answer.kind == ImapAnswer::Kind::bye || talk.state() == AuditTalk::State::closed)
      return passed("the server ended the session at wrong login " + std::to_string(count));
    if (answer.kind == ImapAnswer::Kind::none) return unsure("the server " + answer.text);
    if (talk.now() - began >= kSlowed)
      return passed("the server slows down who guesses: " + std::to_string(count) + " wrong logins took " +
                    std::to_string((talk.now() - began).count()) + " ms");
  }
  return failed(std::to_string(kGuesses) + " wrong logins were answered at full speed");
}

// ---- what must be refused before the login ----

struct Refused {
  std::string_view id, title, reference, command, harm;
};
constexpr Refused kRefused[] = {
    {"select-before-login", "SELECT is done before the login", "RFC 9051 s. 3, 6.3", "SELECT INBOX",
     "done before the login"},
    {"list-before-login", "LIST is done before the login", "RFC 9051 s. 3, 6.3", "LIST \"\" \"*\"",
     "done before the login"},
    {"fetch-before-login", "FETCH is done before the login", "RFC 9051 s. 3, 6.4", "FETCH 1 BODY[]",
     "done before the login"},
    {"idle-before-login", "IDLE is begun before the login", "RFC 9051 s. 3, 6.3.13", "IDLE",
     "begun before the login"},
    {"append-before-login", "a message is asked for before the login", "RFC 9051 s. 3, 6.3.12",
     "APPEND INBOX {1000000}", "the server asks a stranger for 1,000,000 octets"},
    {"literal-4g", "a literal of 4 GiB is asked for before the login",
     "RFC 9051 s. 4.3; RFC 7888 s. 4; CWE-770", "LOGIN {4294967295}", "the server asks a stranger for 4 GiB"},
    {"literal-past-32-bits", "a literal of 2^32 + 5 is taken for 5", "RFC 9051 s. 4.3, 9; CWE-190",
     "LOGIN {4294967301}", "the server asks a stranger for 4 GiB, or its number ran over"},
    {"literal-past-64-bits", "a literal of 2^64 + 5 is taken for 5", "RFC 9051 s. 4.3, 9; CWE-190",
     "LOGIN {18446744073709551621}", "the number ran over"},
    {"literal-negative", "a literal of a negative size is taken", "RFC 9051 s. 4.3, 9", "LOGIN {-1}",
     "a literal of a negative size was taken"},
    {"literal-non-sync-4g", "a literal of 4 GiB that does not wait is taken", "RFC 7888 s. 4; CWE-770",
     "LOGIN {4294967295+}", "a literal of 4 GiB was taken"},
};

/// What the server waits for in vain is no answer: the input ends behind it.
AuditFinding refused(AuditTalk& talk, const AuditTarget& target, const Refused& one) {
  ImapTalk imap(talk, target);
  if (auto no = imap.secured()) return *no;
  talk.send(std::string(kTag) + " " + std::string(one.command) + "\r\n");
  // A server that has swallowed the line waits; with the end of the input there is nothing to wait for.
  if (one.command.find("+}") != std::string_view::npos) talk.end_output();
  return must_refuse(talk, imap.answer(kTag), one.harm);
}

// ---- lines ----

struct Spoof {
  std::string_view id, title, line, answered;
};
constexpr Spoof kSpoofs[] = {
    {"tag-star", "a tag \"*\" makes the server say what a client would believe", "* NOOP\r\n", "* OK"},
    {"tag-plus", "a tag \"+\" makes the server ask for more", "+ NOOP\r\n", "+ "},
};

AuditFinding spoof(AuditTalk& talk, const AuditTarget& target, const Spoof& one) {
  ImapTalk imap(talk, target);
  if (auto no = imap.secured()) return *no;
  talk.send(one.line);
  const auto lines = imap.rest();
  if (lines.empty() && talk.state() != AuditTalk::State::open)
    return must_refuse(talk, ImapAnswer{ImapAnswer::Kind::none, talk.state_text(), {}}, "");
  for (const auto& line : lines) {
    if (line.starts_with(one.answered))
      return failed("the tag came back as it was: " + ImapAnswer{ImapAnswer::Kind::ok, line, {}}.quoted());
  }
  if (lines.empty()) return unsure("the line had no answer");
  if (auto no = imap.unheard()) return *no;
  return passed("refused: " + ImapAnswer{ImapAnswer::Kind::ok, lines.front(), {}}.quoted());
}

/// Of "first" and "second" on what is one line, only the first may be answered.
AuditFinding one_answer(AuditTalk& talk, const AuditTarget& target, std::string_view octets,
                        std::string_view harm) {
  ImapTalk imap(talk, target);
  if (auto no = imap.secured()) return *no;
  talk.send(octets);
  const auto lines = imap.rest();
  for (const auto& line : lines) {
    if (line.starts_with("second "))
      return failed(std::string(harm) + ": " + ImapAnswer{ImapAnswer::Kind::ok, line, {}}.quoted());
  }
  if (auto no = imap.unheard()) return *no;
  return passed("one line, one answer");
}

/// A literal that does not wait comes whether its command is taken or not, as the octets of BDAT do.
AuditFinding literal_commands(AuditTalk& talk, const AuditTarget& target) {
  ImapTalk imap(talk, target);
  if (auto no = imap.secured()) return *no;
  if (!imap.offers("LITERAL+") && !imap.offers("LITERAL-") && !imap.offers("IMAP4REV2"))
    return not_applicable("the server offers neither LITERAL+ nor LITERAL-");
  talk.send("first XYZZY {13+}\r\nsecond NOOP\r\n\r\n");
  for (const auto& line : imap.rest()) {
    if (line.starts_with("second "))
      return failed("the octets of a literal were read as a command: " +
                    ImapAnswer{ImapAnswer::Kind::ok, line, {}}.quoted());
  }
  if (auto no = imap.unheard()) return *no;
  return passed("the octets of the literal were not read as commands");
}

AuditFinding bare_lf(AuditTalk& talk, const AuditTarget& target) {
  auto finding = one_answer(talk, target, "first NOOP\nsecond NOOP\r\n", "a bare LF ends a command");
  // Servers are kind here, and no standard forbids it.
  if (finding.verdict == AuditFinding::Verdict::fail) finding.verdict = AuditFinding::Verdict::information;
  return finding;
}

AuditFinding long_line(AuditTalk& talk, const AuditTarget& target, std::size_t size) {
  std::string line = "first NOOP ";
  while (line.size() < size) line += "second NOOP ";
  return one_answer(talk, target, line + "\r\n", "the rest of a long line was read as a command");
}

AuditFinding long_tag(AuditTalk& talk, const AuditTarget& target) {
  ImapTalk imap(talk, target);
  if (auto no = imap.secured()) return *no;
  talk.send(std::string(60000, 'A') + " NOOP\r\n");
  const auto lines = imap.rest();
  for (const auto& line : lines) {
    if (line.size() > 8192)
      return failed("the server sends back a tag of " + std::to_string(line.size()) + " octets");
  }
  if (auto no = imap.unheard()) return *no;
  return passed("the tag did not come back");
}

AuditFinding bad_commands(AuditTalk& talk, const AuditTarget& target) {
  ImapTalk imap(talk, target);
  if (auto no = imap.secured()) return *no;
  const auto began = talk.now();
  for (int count = 1; count <= kBadCommands; ++count) {
    const auto answer = imap.command(kTag, "XYZZY");
    if (answer.kind == ImapAnswer::Kind::bye || talk.state() == AuditTalk::State::closed)
      return passed("the server ended the session at bad command " + std::to_string(count));
    if (answer.kind == ImapAnswer::Kind::none) return unsure("the server " + answer.text);
    if (talk.now() - began > std::chrono::seconds(15))
      return passed("the server slows down who sends bad commands, or is slow");
  }
  return failed(std::to_string(kBadCommands) + " bad commands were answered at full speed");
}

AuditFinding http(AuditTalk& talk, const AuditTarget& target) {
  ImapTalk imap(talk, target);
  if (auto no = imap.greeted()) return *no;
  talk.send(
      "POST / HTTP/1.1\r\nHost: audit.invalid\r\nContent-Type: text/plain\r\nContent-Length: "
      "13\r\n\r\nsecond NOOP\r\n");
  for (const auto& line : imap.rest()) {
    if (line.starts_with("second OK"))
      return failed("a command in the body of a request of HTTP was answered");
  }
  if (auto no = imap.unheard()) return *no;
  return passed("no command in a request of HTTP was taken");
}

void add_tls_cases(const CaseAdder& add) {
  constexpr std::string_view kInjection = "RFC 9051 s. 6.2.1; CVE-2011-1926, VU#555316";
  add("starttls-injection", "a command in the packet of STARTTLS is answered under TLS", kInjection, inject);
  add("starttls-injection-late", "a command between OK to STARTTLS and the handshake is answered under TLS",
      kInjection, inject_late);
  add("starttls-twice", "STARTTLS is taken under TLS", "RFC 9051 s. 6.2.1", twice);
  add("starttls-offered-again", "STARTTLS is offered under TLS", "RFC 9051 s. 6.2.1", offered_again);
  add("login-offered-without-tls", "a login that shows the password is offered without TLS",
      "RFC 9051 s. 6.2.3, 11; RFC 8314 s. 3", login_not_disabled);
  add("login-without-tls", "a password is checked without TLS", "RFC 9051 s. 6.2.3, 11; RFC 8314 s. 3",
      login_in_plain_text);
  add("authenticate-without-tls", "AUTHENTICATE PLAIN is begun without TLS",
      "RFC 9051 s. 6.2.2, 11; RFC 8314 s. 3", authenticate_in_plain_text);
}

void add_line_cases(const CaseAdder& add) {
  for (const auto& one : kRefused) {
    add(one.id, one.title, one.reference,
        [&one](AuditTalk& talk, const AuditTarget& target) { return refused(talk, target, one); });
  }
  for (const auto& one : kSpoofs) {
    add(one.id, one.title, "RFC 9051 s. 2.2.1, 9",
        [&one](AuditTalk& talk, const AuditTarget& target) { return spoof(talk, target, one); });
  }
  add("long-tag", "a tag of 60,000 octets comes back", "RFC 9051 s. 2.2.1; CWE-770", long_tag);
  add("literal-commands", "the octets of a literal of a bad command are read as commands", "RFC 7888 s. 4",
      literal_commands);
  add("bare-lf", "a bare LF ends a command", "RFC 9051 s. 2.2", bare_lf);
  add("bare-cr", "a bare CR ends a command", "RFC 9051 s. 2.2",
      [](AuditTalk& talk, const AuditTarget& target) {
        return one_answer(talk, target, "first NOOP\rsecond NOOP\r\n", "a bare CR ended a command");
      });
  add("nul", "a NUL ends a command", "RFC 9051 s. 4.3.1, 9", [](AuditTalk& talk, const AuditTarget& target) {
    return one_answer(talk, target, "first NOOP\0second NOOP\r\n"sv, "a NUL ended a command");
  });
  add("long-line", "the rest of a line of 70,000 octets is read as a command", "RFC 7162 s. 4",
      [](AuditTalk& talk, const AuditTarget& target) { return long_line(talk, target, 70000); });
  add("huge-line", "the rest of a line of 1 MiB is read as a command", "RFC 7162 s. 4",
      [](AuditTalk& talk, const AuditTarget& target) { return long_line(talk, target, 1024UL * 1024); });
  add("http-post", "a POST of HTTP is heard, with a command in its body", "CVE-2021-3618 (ALPACA); CWE-441",
      http);
}

void add_login_cases(const CaseAdder& add) {
  add("auth-cancelled", "\"*\" does not end the exchange", "RFC 9051 s. 6.2.2",
      [](AuditTalk& talk, const AuditTarget& target) {
        return exchange(talk, target, "*", "\"*\" did not end the exchange");
      });
  add("auth-bad-base64", "an answer that is no base64 is taken", "RFC 9051 s. 6.2.2",
      [](AuditTalk& talk, const AuditTarget& target) {
        return exchange(talk, target, "!!! no base64 !!!", "an answer that is no base64 was taken");
      });
  add("empty-password", "an empty password logs in, as with a directory's unauthenticated bind",
      "RFC 4513 s. 5.1.2", empty_password);
  add("users-by-login", "a login that fails tells whether the user is there", "CWE-204; RFC 9051 s. 11",
      users);
  add("guessing", "a client may try passwords without end", "CWE-307; RFC 9051 s. 11", guessing);
  add("bad-commands", "a client may send bad commands without end", "CWE-799", bad_commands);
}

}  // namespace

void add_imap_cases(AuditCases& cases) {
  const CaseAdder add(cases, AuditProtocol::imap);
  add_tls_cases(add);
  add_line_cases(add);
  add_login_cases(add);
}

}  // namespace hikyaku::probe
