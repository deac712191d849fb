#include "probe/audit_imap.h"

#include <algorithm>

#include "probe/words.h"

namespace hikyaku::probe {
namespace {

constexpr std::size_t kMostUntagged = 100, kMostLines = 1000;

std::string_view take_word(std::string_view& text) {
  const auto word = text.substr(0, text.find(' '));
  text.remove_prefix(std::min(text.size(), word.size() + 1));
  return word;
}

}  // namespace

std::string ImapAnswer::quoted() const {
  if (kind == Kind::none) return "no answer: the server " + text;
  return "\"" + shown_start(text, 100) + "\"";
}

AuditFinding must_refuse(const AuditTalk& talk, const ImapAnswer& answer, std::string_view harm) {
  switch (answer.kind) {
    case ImapAnswer::Kind::refused:
    case ImapAnswer::Kind::bye:
      return passed("refused: " + answer.quoted());
    case ImapAnswer::Kind::none:
      if (talk.state() == AuditTalk::State::closed) return passed("the server closed the connection");
      return unsure("the server " + answer.text);
    default:
      return failed(std::string(harm) + ": " + answer.quoted());
  }
}

ImapAnswer ImapTalk::answer(std::string_view tag) {
  ImapAnswer answer;
  for (std::size_t lines = 0; lines < kMostLines; ++lines) {
    auto line = talk_.line();
    if (!line) return {ImapAnswer::Kind::none, talk_.state_text(), std::move(answer.untagged)};
    std::string_view left = *line;
    const auto first = take_word(left);
    const auto status = upper(take_word(left));
    if (first == tag && tag != "*") {
      answer.kind = status == "OK" ? ImapAnswer::Kind::ok : ImapAnswer::Kind::refused;
    } else if (first == "+") {
      answer.kind = ImapAnswer::Kind::go_on;
    } else if (first == "*" && status == "BYE") {
      answer.kind = ImapAnswer::Kind::bye;
    } else if (first == "*" && status == "BAD") {
      answer.kind = ImapAnswer::Kind::refused;
    } else if (first != "*" && status == "BAD") {
      answer.kind = ImapAnswer::Kind::refused;  // some give it another tag when they can't read ours
    } else {
      if (answer.untagged.size() < kMostUntagged) answer.untagged.push_back(*std::move(line));
      continue;
    }
    answer.text = *std::move(line);
    return answer;
  }
  return {ImapAnswer::Kind::none, "sent more than " + std::to_string(kMostLines) + " lines", {}};
}

ImapAnswer ImapTalk::command(std::string_view tag, std::string_view command) {
  talk_.send(std::string(tag) + " " + std::string(command) + "\r\n");
  return answer(tag);
}

std::vector<std::string> ImapTalk::rest() {
  talk_.send("audit-end LOGOUT\r\n");
  std::vector<std::string> all;
  while (all.size() < kMostLines) {
    auto line = talk_.line();
    if (!line) break;
    const bool over = line->starts_with("audit-end ");
    const bool own = over || line->starts_with("* BYE");
    ended_ = ended_ || own;
    if (!own) all.push_back(*std::move(line));
    if (over) break;
  }
  return all;
}

ImapTalk::Obstacle ImapTalk::unheard() const {
  const bool flooded = talk_.state() == AuditTalk::State::flooded;
  if (flooded || (talk_.state() == AuditTalk::State::silent && !ended_))
    return unsure("the server " + talk_.state_text());
  return std::nullopt;
}

void ImapTalk::ask_capabilities() {
  capabilities_.clear();
  for (const auto& line : command("audit-capability", "CAPABILITY").untagged) {
    auto text = upper(line);
    std::string_view left = text;
    if (take_word(left) != "*" || take_word(left) != "CAPABILITY") continue;
    while (!left.empty() && capabilities_.size() < kMostUntagged) capabilities_.emplace_back(take_word(left));
  }
}

ImapTalk::Obstacle ImapTalk::greeted() {
  if (target_.tls_at_once && !talk_.start_tls(target_.server_name))
    return unsure("no TLS: " + talk_.tls_error());
  const auto line = talk_.line();
  if (!line) return unsure("no greeting: the server " + talk_.state_text());
  if (!line->starts_with("* OK")) return unsure("no greeting: \"" + shown_start(*line, 80) + "\"");
  return std::nullopt;
}

ImapTalk::Obstacle ImapTalk::introduced() {
  if (auto no = greeted()) return no;
  ask_capabilities();
  return std::nullopt;
}

ImapTalk::Obstacle ImapTalk::up_to_handshake() {
  if (auto no = introduced()) return no;
  if (talk_.under_tls()) return not_applicable("TLS comes at once, without STARTTLS");
  if (!offers("STARTTLS")) return not_applicable("the server offers no STARTTLS");
  if (const auto answer = command("audit-tls", "STARTTLS"); answer.kind != ImapAnswer::Kind::ok)
    return unsure("STARTTLS was offered, but not done: " + answer.quoted());
  return std::nullopt;
}

ImapTalk::Obstacle ImapTalk::secured() {
  if (target_.tls_at_once) return introduced();
  if (auto no = up_to_handshake()) {
    if (no->verdict == AuditFinding::Verdict::not_applicable) return std::nullopt;  // then without TLS
    return no;
  }
  if (!talk_.start_tls(target_.server_name)) return unsure("no TLS: " + talk_.tls_error());
  ask_capabilities();
  return std::nullopt;
}

bool ImapTalk::offers(std::string_view capability) const {
  return std::ranges::find(capabilities_, capability) != capabilities_.end();
}

}  // namespace hikyaku::probe
