// POP3 (RFC 1939, 2449, 2595, 5034).
#include <chrono>
#include <string>
#include <utility>

#include "probe/audit_classes.h"
#include "probe/audit_login.h"
#include "probe/audit_pop3.h"

namespace hikyaku::probe {
namespace {

using namespace std::string_view_literals;

constexpr int kBadCommands = 60, kGuesses = 30;
constexpr std::chrono::milliseconds kSlowed{5000};

// ---- STLS ----

/// XYZZY is refused wherever it is heard; CAPA is taken. So the first answer under TLS tells whose it is.
AuditFinding judge_injection(Pop3Talk& pop3) {
  if (pop3.talk().injected() > 0) return failed("the server went on answering in plain text behind its +OK");
  const auto first = pop3.command("CAPA");
  if (first.kind == Pop3Answer::Kind::none) return must_refuse(pop3.talk(), first, "");
  if (!first.ok())
    return failed("under TLS the server answered a command that was sent in plain text: " + first.quoted());
  return passed("under TLS only what was sent under TLS was answered");
}

AuditFinding inject(AuditTalk& talk, const AuditTarget& target) {
  Pop3Talk pop3(talk, target);
  if (auto no = pop3.introduced()) return *no;
  if (talk.under_tls()) return not_applicable("TLS comes at once, without STLS");
  if (!pop3.offers("STLS")) return not_applicable("the server offers no STLS");
  talk.send("STLS\r\nXYZZY\r\n");
  if (const auto answer = pop3.answer(); !answer.ok()) {
    if (answer.kind == Pop3Answer::Kind::none) return must_refuse(talk, answer, "");
    return passed("STLS was refused together with what was behind it: " + answer.quoted());
  }
  if (!talk.start_tls(target.server_name)) return passed("the handshake failed: " + talk.tls_error());
  return judge_injection(pop3);
}

AuditFinding inject_late(AuditTalk& talk, const AuditTarget& target) {
  Pop3Talk pop3(talk, target);
  if (auto no = pop3.up_to_handshake()) return *no;
  talk.send("XYZZY\r\n");
  if (!talk.start_tls(target.server_name)) return passed("the handshake failed: " + talk.tls_error());
  return judge_injection(pop3);
}

AuditFinding stls_twice(AuditTalk& talk, const AuditTarget& target) {
  Pop3Talk pop3(talk, target);
  if (auto no = pop3.secured()) return *no;
  if (!talk.under_tls()) return not_applicable("the server offers no STLS");
  return must_refuse(talk, pop3.command("STLS"), "under TLS STLS was taken once more");
}

AuditFinding stls_offered_again(AuditTalk& talk, const AuditTarget& target) {
  Pop3Talk pop3(talk, target);
  if (auto no = pop3.secured()) return *no;
  if (!talk.under_tls()) return not_applicable("the server offers no STLS");
  return pop3.offers("STLS") ? failed("under TLS the server offers STLS")
                             : passed("under TLS STLS is not offered");
}

// ---- before the login ----

AuditFinding offered_in_plain_text(AuditTalk& talk, const AuditTarget& target) {
  if (target.tls_at_once) return not_applicable("TLS comes at once");
  Pop3Talk pop3(talk, target);
  if (auto no = pop3.introduced()) return *no;
  if (pop3.offers("USER")) return failed("USER is offered without TLS: passwords go in plain text");
  for (const auto* mechanism : {"PLAIN", "LOGIN"}) {
    if (pop3.offers_mechanism(mechanism))
      return failed("AUTH " + std::string(mechanism) + " is offered without TLS: passwords go in plain text");
  }
  return passed("no login that shows the password is offered without TLS");
}

AuditFinding user_in_plain_text(AuditTalk& talk, const AuditTarget& target) {
  if (target.tls_at_once) return not_applicable("TLS comes at once");
  Pop3Talk pop3(talk, target);
  if (auto no = pop3.introduced()) return *no;
  return must_refuse(talk, pop3.command("USER " + std::string(kNobody)), "USER was taken without TLS");
}

AuditFinding auth_in_plain_text(AuditTalk& talk, const AuditTarget& target) {
  if (target.tls_at_once) return not_applicable("TLS comes at once");
  Pop3Talk pop3(talk, target);
  if (auto no = pop3.introduced()) return *no;
  return must_refuse(talk, pop3.command("AUTH PLAIN"), "AUTH PLAIN was begun without TLS");
}

struct Early {
  std::string_view id, title, command;
};
constexpr Early kEarly[] = {
    {"retr", "RETR is done before the login", "RETR 1"}, {"top", "TOP is done before the login", "TOP 1 0"},
    {"list", "LIST is done before the login", "LIST"},   {"uidl", "UIDL is done before the login", "UIDL"},
    {"stat", "STAT is done before the login", "STAT"},   {"dele", "DELE is done before the login", "DELE 1"},
};

// ---- lines ----

AuditFinding one_answer(Pop3Talk& pop3, std::string_view octets, std::string_view harm) {
  pop3.talk().send(octets);
  const auto first = pop3.answer();
  if (first.kind == Pop3Answer::Kind::none) return must_refuse(pop3.talk(), first, harm);
  const auto more = pop3.rest();
  if (!more.empty())
    return failed(std::string(harm) + ": " + first.quoted() + ", then " + more.front().quoted());
  if (auto no = pop3.unheard()) return *no;
  return passed("one line, one answer: " + first.quoted());
}

AuditFinding line(AuditTalk& talk, const AuditTarget& target, std::string_view octets,
                  std::string_view harm) {
  Pop3Talk pop3(talk, target);
  if (auto no = pop3.secured()) return *no;
  return one_answer(pop3, octets, harm);
}

/// RFC 1939 s. 3 has lines end in CR LF, but does not forbid to be kind to those that do not.
AuditFinding bare_lf(AuditTalk& talk, const AuditTarget& target) {
  auto finding = line(talk, target, "XYZZY\nXYZZY\r\n", "a bare LF ends a command");
  if (finding.verdict == AuditFinding::Verdict::fail) finding.verdict = AuditFinding::Verdict::information;
  return finding;
}

std::string long_line(std::size_t size) {
  std::string line = "XYZZY ";
  while (line.size() < size) line += "XYZZY ";
  return line + "\r\n";
}

AuditFinding bad_commands(AuditTalk& talk, const AuditTarget& target) {
  Pop3Talk pop3(talk, target);
  if (auto no = pop3.secured()) return *no;
  const auto began = talk.now();
  for (int count = 1; count <= kBadCommands; ++count) {
    const auto answer = pop3.command("XYZZY");
    if (talk.state() == AuditTalk::State::closed)
      return passed("the server ended the session at bad command " + std::to_string(count));
    if (answer.kind == Pop3Answer::Kind::none) return unsure("the server " + answer.text);
    if (talk.now() - began > std::chrono::seconds(15))
      return passed("the server slows down who sends bad commands, or is slow");
  }
  return failed(std::to_string(kBadCommands) + " bad commands were answered at full speed");
}

AuditFinding http(AuditTalk& talk, const AuditTarget& target) {
  Pop3Talk pop3(talk, target);
  if (auto no = pop3.greeted()) return *no;
  talk.send(
      "POST / HTTP/1.1\r\nHost: audit.invalid\r\nContent-Type: text/plain\r\nContent-Length: "
      "6\r\n\r\nCAPA\r\n");
  for (const auto& answer : pop3.rest()) {
    if (answer.ok())
      return failed("a command in the body of a request of HTTP was answered: " + answer.quoted());
  }
  if (auto no = pop3.unheard()) return *no;
  return passed("no command in a request of HTTP was taken");
}

// ---- logins ----

AuditFinding bad_login(AuditTalk& talk, const AuditTarget& target, std::string_view user,
                       std::string_view harm) {
  Pop3Talk pop3(talk, target);
  if (auto no = pop3.secured()) return *no;
  if (!pop3.offers_mechanism("PLAIN")) return not_applicable("the server offers no AUTH PLAIN");
  auto answer = pop3.command("AUTH PLAIN " + plain_message("", user, ""));
  return must_refuse(talk, answer, harm);
}

AuditFinding exchange(AuditTalk& talk, const AuditTarget& target, std::string_view reply,
                      std::string_view harm) {
  Pop3Talk pop3(talk, target);
  if (auto no = pop3.secured()) return *no;
  if (!pop3.offers_mechanism("PLAIN")) return not_applicable("the server offers no AUTH PLAIN");
  if (const auto answer = pop3.command("AUTH PLAIN"); answer.kind != Pop3Answer::Kind::challenge)
    return must_refuse(talk, answer, "AUTH PLAIN was taken without a message");
  return must_refuse(talk, pop3.command(reply), harm);
}

AuditFinding users(AuditTalk& talk, const AuditTarget& target) {
  Pop3Talk pop3(talk, target);
  if (auto no = pop3.secured()) return *no;
  const auto user = likely_user(target);
  std::string said[2];
  for (int i = 0; i < 2; ++i) {
    const std::string name = i == 0 ? user : std::string(kNobody);
    const auto first = pop3.command("USER " + name);
    if (first.kind == Pop3Answer::Kind::none) return must_refuse(talk, first, "");
    if (!first.ok() && i == 0) return not_applicable("USER was refused: " + first.quoted());
    const auto second = pop3.command("PASS hikyaku-audit-wrong");
    if (second.kind == Pop3Answer::Kind::none) return must_refuse(talk, second, "");
    if (second.ok()) return failed("a wrong password logs in");
    said[i] = first.text + ", " + second.text;
  }
  for (auto& one : said) {
    // Some servers repeat the name.
    for (const std::string_view name : {std::string_view(user), kNobody}) {
      if (const auto at = one.find(name); at != std::string::npos) one.erase(at, name.size());
    }
  }
  if (wording(said[0]) != wording(said[1]))
    return failed("a login that fails tells whether the user is there: " +
                  Pop3Answer{Pop3Answer::Kind::ok, said[0]}.quoted() + " for " + user + ", else " +
                  Pop3Answer{Pop3Answer::Kind::ok, said[1]}.quoted());
  return passed("a login that fails says the same of " + user +
                (target.user.empty() ? " (--user names one who is there)" : "") + " and of nobody");
}

/// A password is found by trying, if nobody minds.
AuditFinding guessing(AuditTalk& talk, const AuditTarget& target) {
  Pop3Talk pop3(talk, target);
  if (auto no = pop3.secured()) return *no;
  const auto began = talk.now();
  for (int count = 1; count <= kGuesses; ++count) {
    const auto user = pop3.command("USER " + std::string(kNobody));
    const auto answer = user.ok() ? pop3.command("PASS hikyaku-audit-wrong") : user;
    if (talk.state() == AuditTalk::State::closed)
      return passed("the server ended the session at wrong login " + std::to_string(count));
    if (answer.kind == Pop3Answer::Kind::none) return unsure("the server " + answer.text);
    if (!user.ok() && count == 1) return not_applicable("USER was refused: " + user.quoted());
    if (talk.now() - began >= kSlowed)
      return passed("the server slows down who guesses: " + std::to_string(count) + " wrong logins took " +
                    std::to_string((talk.now() - began).count()) + " ms");
  }
  return failed(std::to_string(kGuesses) + " wrong logins were answered at full speed");
}

struct Number {
  std::string_view id, title, command;
  bool of_first = true;  ///< a server that makes this mistake shows message 1: there must be one
};
constexpr Number kNumbers[] = {
    {"zero", "message 0 is there", "RETR 0", false},
    {"negative", "message -1 is there", "RETR -1", false},
    {"past-32-bits", "message 2^32 + 1 is taken for 1", "RETR 4294967297"},
    {"past-64-bits", "message 2^64 + 1 is taken for 1", "RETR 18446744073709551617"},
    {"no-number", "a number with letters is taken", "RETR 1x"},
    {"top-negative", "a negative number of lines is taken", "TOP 1 -1"},
};

void add_tls_cases(const CaseAdder& add) {
  constexpr std::string_view kInjection = "RFC 2595 s. 4; CVE-2011-1926, VU#555316";
  add("stls-injection", "a command in the packet of STLS is answered under TLS", kInjection, inject);
  add("stls-injection-late", "a command between +OK to STLS and the handshake is answered under TLS",
      kInjection, inject_late);
  add("stls-twice", "STLS is taken under TLS", "RFC 2595 s. 4", stls_twice);
  add("stls-offered-again", "STLS is offered under TLS", "RFC 2595 s. 4", stls_offered_again);
  add("password-offered-without-tls", "a login that shows the password is offered without TLS",
      "RFC 8314 s. 3; RFC 2595 s. 2.3", offered_in_plain_text);
  add("user-without-tls", "USER is taken without TLS", "RFC 8314 s. 3; RFC 2595 s. 2.3", user_in_plain_text);
  add("auth-without-tls", "AUTH PLAIN is begun without TLS", "RFC 8314 s. 3; RFC 5034 s. 4",
      auth_in_plain_text);
}

void add_line_cases(const CaseAdder& add) {
  for (const auto& early : kEarly) {
    add(std::string(early.id) + "-before-login", early.title, "RFC 1939 s. 4, 5",
        [&early](AuditTalk& talk, const AuditTarget& target) {
          Pop3Talk pop3(talk, target);
          if (auto no = pop3.secured()) return *no;
          return must_refuse(talk, pop3.command(early.command), "done before the login");
        });
  }
  add("bare-lf", "a bare LF ends a command", "RFC 1939 s. 3", bare_lf);
  add("bare-cr", "a bare CR ends a command", "RFC 1939 s. 3", [](AuditTalk& talk, const AuditTarget& target) {
    return line(talk, target, "XYZZY\rXYZZY\r\n", "a bare CR ended a command");
  });
  add("nul", "a NUL ends a command", "RFC 1939 s. 3", [](AuditTalk& talk, const AuditTarget& target) {
    return line(talk, target, "XYZZY\0XYZZY\r\n"sv, "a NUL ended a command");
  });
  add("long-line", "the rest of a line of 5,000 octets is read as a command", "RFC 2449 s. 4",
      [](AuditTalk& talk, const AuditTarget& target) {
        return line(talk, target, long_line(5000), "the rest of a long line was read as a command");
      });
  add("huge-line", "the rest of a line of 1 MiB is read as a command", "RFC 2449 s. 4",
      [](AuditTalk& talk, const AuditTarget& target) {
        return line(talk, target, long_line(1024UL * 1024), "the rest of a long line was read as a command");
      });
  add("http-post", "a POST of HTTP is heard, with a command in its body", "CVE-2021-3618 (ALPACA); CWE-441",
      http);
}

void add_login_cases(const CaseAdder& add) {
  add("auth-cancelled", "\"*\" does not end the exchange", "RFC 5034 s. 4",
      [](AuditTalk& talk, const AuditTarget& target) {
        return exchange(talk, target, "*", "\"*\" did not end the exchange");
      });
  add("auth-bad-base64", "an answer that is no base64 is taken", "RFC 5034 s. 4",
      [](AuditTalk& talk, const AuditTarget& target) {
        return exchange(talk, target, "!!! no base64 !!!", "an answer that is no base64 was taken");
      });
  for (const auto& number : kNumbers) {
    add("number-" + std::string(number.id), number.title, "RFC 1939 s. 5, 7",
        [&number](AuditTalk& talk, const AuditTarget& target) {
          Pop3Talk pop3(talk, target);
          if (auto no = pop3.logged_in()) return *no;
          if (number.of_first && pop3.command("STAT").text.starts_with("+OK 0"))
            return not_applicable("the mailbox is empty: there is no message 1 to be shown instead");
          return must_refuse(talk, pop3.command(number.command), "there was a message of that number");
        });
  }
  // Servers make who fails to log in wait, also with what comes later.
  add("auth-empty-password", "an empty password logs in, as with a directory's unauthenticated bind",
      "RFC 4513 s. 5.1.2; RFC 4616 s. 2", [](AuditTalk& talk, const AuditTarget& target) {
        return bad_login(talk, target, likely_user(target), "an empty password logs in");
      });
  add("users-by-login", "a login that fails tells whether the user is there", "CWE-204; RFC 1939 s. 13",
      users);
  add("guessing", "a client may try passwords without end", "CWE-307; RFC 1939 s. 13", guessing);
  add("bad-commands", "a client may send bad commands without end", "CWE-799; RFC 1939 s. 3", bad_commands);
}

}  // namespace

void add_pop3_cases(AuditCases& cases) {
  const CaseAdder add(cases, AuditProtocol::pop3);
  add_tls_cases(add);
  add_line_cases(add);
  add_login_cases(add);
}

}  // namespace hikyaku::probe
