// BDAT (RFC 3030): where a chunk ends is a number of the client, and its octets must never be commands.
#include <string>
#include <utility>

#include "probe/audit_classes.h"
#include "probe/audit_smtp.h"

namespace hikyaku::probe {
namespace {

constexpr std::string_view kLooksLikeCommands = "XYZZY\r\nXYZZY\r\n";

AuditSmtpTalk::Obstacle ready_for_chunks(AuditSmtpTalk& smtp) {
  if (auto no = smtp.with_recipient()) return no;
  if (!smtp.offers("CHUNKING")) return not_applicable("the server offers no CHUNKING");
  return std::nullopt;
}

std::string chunk(std::string_view octets, bool last) {
  return "BDAT " + std::to_string(octets.size()) + (last ? " LAST\r\n" : "\r\n") + std::string(octets);
}

/// A BDAT that is refused: its octets come all the same (RFC 3030 s. 2), and must be dropped unread, or the
/// connection with them.
AuditFinding refused_with_its_octets(AuditSmtpTalk& smtp, std::string_view harm) {
  const auto first = smtp.answer();
  if (first.taken()) return failed(std::string(harm) + ": " + first.quoted());
  if (first.none()) return must_refuse(smtp.talk(), first, harm);
  const auto more = smtp.rest();
  if (!more.empty()) return failed("refused, but its octets were read as commands: " + more.front().quoted());
  if (auto no = smtp.unheard()) return *no;
  return passed("refused, and its octets were dropped: " + first.quoted());
}

AuditFinding without_mail(AuditTalk& talk, const AuditTarget& target) {
  AuditSmtpTalk smtp(talk, target);
  if (auto no = smtp.logged_in()) return *no;
  if (!smtp.offers("CHUNKING")) return not_applicable("the server offers no CHUNKING");
  talk.send(chunk(kLooksLikeCommands, true));
  return refused_with_its_octets(smtp, "a chunk was taken without MAIL and RCPT");
}

AuditFinding without_recipient(AuditTalk& talk, const AuditTarget& target) {
  AuditSmtpTalk smtp(talk, target);
  if (auto no = smtp.with_sender()) return *no;
  if (!smtp.offers("CHUNKING")) return not_applicable("the server offers no CHUNKING");
  talk.send(chunk(kLooksLikeCommands, true));
  return refused_with_its_octets(smtp, "a chunk was taken without a recipient");
}

AuditFinding after_last(AuditTalk& talk, const AuditTarget& target) {
  AuditSmtpTalk smtp(talk, target);
  if (auto no = ready_for_chunks(smtp)) return *no;
  talk.send(chunk(audit_message("the last chunk"), true));
  if (const auto answer = smtp.answer(); answer.code != 250)
    return not_applicable("the message before was refused: " + answer.quoted());
  talk.send(chunk(kLooksLikeCommands, true));
  return refused_with_its_octets(smtp, "a chunk was taken after the last one");
}

AuditFinding then_data(AuditTalk& talk, const AuditTarget& target) {
  AuditSmtpTalk smtp(talk, target);
  if (auto no = ready_for_chunks(smtp)) return *no;
  talk.send(chunk("Subject: a first chunk\r\n", false));
  if (const auto answer = smtp.answer(); answer.code != 250)
    return not_applicable("the chunk before was refused: " + answer.quoted());
  return must_refuse(talk, smtp.command("DATA"), "DATA was taken after BDAT in one transaction");
}

/// A size that is none, or too large for a number: as a small one it would make commands of content, or
/// content of commands. Behind it the input ends, for whom the number is good waits for its octets.
AuditFinding with_size(AuditTalk& talk, const AuditTarget& target, std::string_view size) {
  AuditSmtpTalk smtp(talk, target);
  if (auto no = ready_for_chunks(smtp)) return *no;
  talk.send("BDAT " + std::string(size) + " LAST\r\nXYZZY\r\n");
  const auto answers = smtp.rest_at_end_of_input();
  for (const auto& answer : answers) {
    if (answer.taken()) return failed("taken as the size of a small chunk: " + answer.quoted());
  }
  if (answers.empty()) return passed("the server waited for the octets, or hung up: no message came of it");
  return passed("refused: " + answers.front().quoted());
}

struct Size {
  std::string_view id, title, size;
};
// 7 octets, "XYZZY" and its line end, are there; 2^64 + 7 and 2^32 + 7 are 7 where numbers run over.
constexpr Size kSizes[] = {
    {"size-past-64-bits", "a size of 2^64 + 7 is taken for 7", "18446744073709551623"},
    {"size-past-32-bits", "a size of 2^32 + 7 is taken for 7", "4294967303"},
    {"size-negative", "a negative size is taken", "-7"},
    {"size-none", "BDAT without a size is taken", ""},
    {"size-no-number", "a size with letters is taken", "7x"},
    {"size-hexadecimal", "a hexadecimal size is taken", "0x7"},
};

}  // namespace

void add_chunk_cases(AuditCases& cases) {
  const CaseAdder add(cases, AuditProtocol::smtp, "bdat-");
  add("without-mail", "the octets of a refused BDAT, without MAIL, are read as commands", "RFC 3030 s. 2",
      without_mail);
  add("without-recipient", "the octets of a refused BDAT, without RCPT, are read as commands",
      "RFC 3030 s. 2", without_recipient);
  add("after-last", "BDAT after BDAT LAST is taken, or its octets are read as commands", "RFC 3030 s. 2",
      after_last);
  add("then-data", "DATA is taken after BDAT in one transaction", "RFC 3030 s. 2", then_data);
  for (const auto& one : kSizes) {
    add(one.id, one.title, "RFC 3030 s. 2; RFC 5321 s. 4.1.2",
        [&one](AuditTalk& talk, const AuditTarget& target) { return with_size(talk, target, one.size); });
  }
}

}  // namespace hikyaku::probe
