// Lines of commands: what ends one, how long one may be, and octets that are no text.
#include <string>
#include <utility>

#include "probe/audit_classes.h"
#include "probe/audit_smtp.h"

namespace hikyaku::probe {
namespace {

using namespace std::string_view_literals;

/// What is one line, and so gets one answer at most.
AuditFinding one_answer(AuditSmtpTalk& smtp, std::string_view octets, std::string_view harm) {
  smtp.talk().send(octets);
  const auto first = smtp.answer();
  if (first.none()) return must_refuse(smtp.talk(), first, harm);
  const auto more = smtp.rest();
  if (!more.empty())
    return failed(std::string(harm) + ": " + first.quoted() + ", then " + more.front().quoted());
  if (auto no = smtp.unheard()) return *no;
  return passed("one line, one answer: " + first.quoted());
}

struct Line {
  std::string_view id, title, reference, octets, harm;
};
constexpr Line kLines[] = {
    {"bare-lf-command", "a bare LF ends a command", "RFC 5321 s. 2.3.8", "NOOP\nXYZZY\r\n",
     "a bare LF ended a command"},
    {"bare-cr-command", "a bare CR ends a command", "RFC 5321 s. 2.3.8", "NOOP\rXYZZY\r\n",
     "a bare CR ended a command"},
    {"nul-command", "a NUL ends a command", "RFC 5321 s. 2.3.8, 4.1.2", "NOOP\0XYZZY\r\n"sv,
     "a NUL ended a command"},
};

/// Whatever a server does with a line that is too long, its end is no line of its own.
AuditFinding long_line_is_one(AuditTalk& talk, const AuditTarget& target, std::size_t size) {
  AuditSmtpTalk smtp(talk, target);
  if (auto no = smtp.secured()) return *no;
  std::string line = "NOOP ";
  while (line.size() < size) line += "XYZZY ";
  return one_answer(smtp, line + "\r\n", "the rest of a long line was read as a command");
}

AuditFinding endless_line(AuditTalk& talk, const AuditTarget& target) {
  AuditSmtpTalk smtp(talk, target);
  if (auto no = smtp.secured()) return *no;
  const std::string piece(64 * 1024, 'x');
  talk.send("MAIL FROM:<");
  for (int pieces = 0; pieces < 16; ++pieces) {
    if (!talk.send(piece, "(64 KiB of x)")) break;
  }
  talk.send("@" + target.relay_domain + ">\r\n");
  return must_refuse(talk, smtp.answer(), "an address of 1 MiB was taken");
}

AuditFinding long_name_in_reply(AuditTalk& talk, const AuditTarget& target) {
  AuditSmtpTalk smtp(talk, target);
  if (auto no = smtp.greeted()) return *no;
  const auto answer = smtp.command("EHLO " + std::string(1500, 'a') + ".invalid");
  if (!answer.taken()) return must_refuse(talk, answer, "");
  std::size_t longest = 0;
  for (std::size_t at = 0; at < answer.text.size();) {
    const auto end = std::min(answer.text.find('\n', at), answer.text.size());
    longest = std::max(longest, end - at);
    at = end + 1;
  }
  if (longest + 2 > 512)
    return failed("a line of the reply has " + std::to_string(longest + 2) + " octets: " + answer.quoted());
  return passed("no line of the reply is longer than 512 octets");
}

struct Refused {
  enum class Stage : unsigned char { hello, sender };
  std::string_view id, title, reference;
  Stage stage;
  std::string_view command, harm;
  bool for_others = false;  ///< harms only who reads the same line in another way
};
// {DOMAIN} is a domain that the server must not relay to.
constexpr Refused kRefused[] = {
    {"nul-sender", "a NUL in the address of a sender", "RFC 5321 s. 4.1.2", Refused::Stage::hello,
     "MAIL FROM:<audit\0x@{DOMAIN}>"sv, "an address with a NUL was taken"},
    {"nul-recipient", "a NUL in the address of a recipient hides its domain", "RFC 5321 s. 4.1.2",
     Refused::Stage::sender, "RCPT TO:<postmaster>\0@{DOMAIN}>"sv,
     "what is behind a NUL was not seen; a program in front may see it", true},
    {"octets-not-utf8", "octets that are not UTF-8 in an address", "RFC 5321 s. 2.4; RFC 6531 s. 3.3",
     Refused::Stage::hello, "MAIL FROM:<audit\xff\xfe@{DOMAIN}>", "octets that are no text were taken"},
    {"control-in-address", "control characters in an address", "RFC 5321 s. 4.1.2", Refused::Stage::hello,
     "MAIL FROM:<audit\x1b[2J\x07@{DOMAIN}>", "control characters were taken as an address"},
};

AuditFinding refused(AuditTalk& talk, const AuditTarget& target, const Refused& one) {
  AuditSmtpTalk smtp(talk, target);
  if (auto no = one.stage == Refused::Stage::sender ? smtp.with_sender() : smtp.logged_in()) return *no;
  std::string command(one.command);
  if (const auto at = command.find("{DOMAIN}"); at != std::string::npos)
    command.replace(at, 8, target.relay_domain);
  auto finding = must_refuse(talk, smtp.command(command), one.harm);
  if (one.for_others && finding.verdict == AuditFinding::Verdict::fail)
    finding.verdict = AuditFinding::Verdict::information;
  return finding;
}

/// RFC 5321 s. 3.1: the client waits for the greeting. Many programs that send unwanted mail do not.
AuditFinding early_talker(AuditTalk& talk, const AuditTarget& target) {
  if (!target.tls_at_once) talk.send("EHLO " + std::string(kAuditName) + "\r\n");
  AuditSmtpTalk smtp(talk, target);
  if (target.tls_at_once) return not_applicable("TLS comes first");
  const auto greeting = smtp.answer();
  if (greeting.refused()) return passed("who talks before the greeting is turned away: " + greeting.quoted());
  if (greeting.none()) return must_refuse(talk, greeting, "");
  const auto answer = smtp.answer();
  if (answer.taken()) return noted("who talks before the greeting is not told apart: " + answer.quoted());
  return must_refuse(talk, answer, "");
}

}  // namespace

void add_line_cases(AuditCases& cases) {
  const CaseAdder add(cases, AuditProtocol::smtp);
  for (const auto& line : kLines) {
    add(line.id, line.title, line.reference, [&line](AuditTalk& talk, const AuditTarget& target) {
      AuditSmtpTalk smtp(talk, target);
      if (auto no = smtp.secured()) return *no;
      return one_answer(smtp, line.octets, line.harm);
    });
  }
  constexpr std::string_view kTooLong = "RFC 5321 s. 4.5.3.1.4, 4.5.3.1.9";
  add("long-command", "the rest of a command line of 5,000 octets is read as a command", kTooLong,
      [](AuditTalk& talk, const AuditTarget& target) { return long_line_is_one(talk, target, 5000); });
  add("huge-command", "the rest of a command line of 1 MiB is read as a command", kTooLong,
      [](AuditTalk& talk, const AuditTarget& target) {
        return long_line_is_one(talk, target, 1024UL * 1024);
      });
  add("huge-address", "an address of 1 MiB is taken", "RFC 5321 s. 4.5.3.1.3, 4.5.3.1.9", endless_line);
  add("long-name-in-reply", "a long name in EHLO makes a line of the reply too long", "RFC 5321 s. 4.5.3.1.5",
      long_name_in_reply);
  for (const auto& one : kRefused) {
    add(one.id, one.title, one.reference,
        [&one](AuditTalk& talk, const AuditTarget& target) { return refused(talk, target, one); });
  }
  add("early-talker", "a command is sent before the greeting", "RFC 5321 s. 3.1, 4.3.1", early_talker);
}

}  // namespace hikyaku::probe
