// Too much of something. Each is bounded: it shows that a limit is there, not how a server fares without one.
#include <algorithm>
#include <string>
#include <utility>

#include "probe/audit_classes.h"
#include "probe/audit_smtp.h"

namespace hikyaku::probe {
namespace {

constexpr int kBadCommands = 60;
constexpr int kRecipients = 2100, kRecipientsAtOnce = 100;
constexpr int kReceivedHeaders = 150;
constexpr std::uint64_t kLargestSent = 32UL * 1024 * 1024;

AuditFinding bad_commands(AuditTalk& talk, const AuditTarget& target) {
  AuditSmtpTalk smtp(talk, target);
  if (auto no = smtp.secured()) return *no;
  const auto began = talk.now();
  auto before = began, first = began - began, last = first;
  for (int count = 1; count <= kBadCommands; ++count) {
    const auto answer = smtp.command("XYZZY " + std::to_string(count));
    if (answer.code == 421 || answer.code == 221 || talk.state() == AuditTalk::State::closed)
      return passed("the server ended the session at bad command " + std::to_string(count));
    if (answer.none())
      return unsure("at bad command " + std::to_string(count) + " the server " + answer.text);
    last = talk.now() - before;
    if (count == 1) first = last;
    before = talk.now();
    // No need to wait for the end of what is slowed down.
    if (count > 5 && last >= first + std::chrono::milliseconds(500) &&
        talk.now() - began > std::chrono::seconds(15))
      return passed("the server slows down who sends bad commands: " + std::to_string(last.count()) +
                    " ms for the answer to number " + std::to_string(count));
  }
  if (last >= first + std::chrono::milliseconds(500))
    return passed("the server slows down who sends bad commands: " + std::to_string(last.count()) +
                  " ms an answer");
  return failed(std::to_string(kBadCommands) + " bad commands were answered at full speed");
}

AuditFinding many_recipients(AuditTalk& talk, const AuditTarget& target) {
  AuditSmtpTalk smtp(talk, target);
  if (auto no = smtp.with_recipient()) return *no;
  const bool pipelining = smtp.offers("PIPELINING");
  const int at_once = pipelining ? kRecipientsAtOnce : 1;
  std::string group;
  for (int i = 0; i < at_once; ++i) group += smtp.recipient_command() + "\r\n";
  for (int sent = 1; sent < kRecipients; sent += at_once) {
    talk.send(group);
    for (int i = 0; i < at_once; ++i) {
      const auto answer = smtp.answer();
      if (!answer.taken()) {
        const auto finding = must_refuse(talk, answer, "");
        return finding.verdict == AuditFinding::Verdict::pass
                   ? passed("after " + std::to_string(sent + i) + " recipients of one message " + finding.why)
                   : finding;
      }
    }
  }
  return noted(std::to_string(kRecipients) + " recipients of one message were taken");
}

/// A mail loop shows by its Received fields: at some number a message has to be refused, or it goes round for
/// ever.
AuditFinding received_loop(AuditTalk& talk, const AuditTarget& target) {
  AuditSmtpTalk smtp(talk, target);
  if (auto no = smtp.with_data()) return *no;
  std::string content;
  for (int i = 0; i < kReceivedHeaders; ++i) {
    content += "Received: from audit.invalid by audit.invalid with SMTP id " + std::to_string(i) +
               "; Mon, 30 Nov 2026 00:00:00 +0000\r\n";
  }
  talk.send(content + audit_message("a loop") + ".\r\n");
  return must_refuse(talk, smtp.answer(),
                     "a message with " + std::to_string(kReceivedHeaders) + " Received fields was taken");
}

/// SIZE says what the client believes (RFC 1870 s. 6.3); the limit is for what it really sends.
AuditFinding size_understated(AuditTalk& talk, const AuditTarget& target) {
  AuditSmtpTalk smtp(talk, target);
  if (auto no = smtp.logged_in()) return *no;
  const auto told = smtp.parameter("SIZE");
  if (told.empty() || told.size() > 18 || told.find_first_not_of("0123456789") != std::string::npos ||
      told == "0")
    return not_applicable("the server tells no limit of size");
  const auto limit = std::stoull(told);
  if (limit > kLargestSent)
    return not_applicable("the limit of " + told + " octets is more than an audit sends");
  if (const auto answer = smtp.command(smtp.mail_command() + " SIZE=100"); answer.code != 250)
    return not_applicable("MAIL was refused: " + answer.quoted());
  if (const auto answer = smtp.command(smtp.recipient_command()); !answer.taken() || answer.none())
    return not_applicable("the case needs --to that the server accepts: " + answer.quoted());
  if (const auto answer = smtp.command("DATA"); answer.code != 354)
    return not_applicable("DATA was refused: " + answer.quoted());
  std::string piece;
  while (piece.size() < 64UL * 1024) piece += std::string(70, 'x') + "\r\n";
  talk.send(audit_message("too much"));
  for (std::uint64_t sent = 0; sent <= limit + piece.size(); sent += piece.size()) {
    if (!talk.send(piece, "(64 KiB of x)")) break;
  }
  talk.send(".\r\n");
  return must_refuse(talk, smtp.answer(), "more than the limit of " + told + " octets was taken");
}

}  // namespace

void add_flood_cases(AuditCases& cases) {
  const CaseAdder add(cases, AuditProtocol::smtp);
  add("received-loop", "a message that goes in circles is never stopped", "RFC 5321 s. 6.3", received_loop);
  add("size-understated", "more than the limit is taken when SIZE says less",
      "RFC 1870 s. 6.3; RFC 5321 s. 4.5.3.1.7", size_understated);
  add("many-recipients", "one message has recipients without number", "RFC 5321 s. 4.5.3.1.8, 4.5.3.1.10",
      many_recipients);
  add("bad-commands", "a client may send bad commands without end", "RFC 5321 s. 7.8", bad_commands);
}

}  // namespace hikyaku::probe
