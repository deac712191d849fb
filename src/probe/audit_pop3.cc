#include "probe/audit_pop3.h"

#include <algorithm>

namespace hikyaku::probe {
namespace {

constexpr std::size_t kMostCapabilities = 200, kMostAnswers = 1000;

std::string_view first_word(std::string_view line) { return line.substr(0, line.find(' ')); }

}  // namespace

std::string Pop3Answer::quoted() const {
  if (kind == Kind::none) return "no answer: the server " + text;
  return "\"" + shown_start(text, 100) + "\"";
}

AuditFinding must_refuse(const AuditTalk& talk, const Pop3Answer& answer, std::string_view harm) {
  switch (answer.kind) {
    case Pop3Answer::Kind::error:
      return passed("refused: " + answer.quoted());
    case Pop3Answer::Kind::none:
      if (talk.state() == AuditTalk::State::closed) return passed("the server closed the connection");
      return unsure("the server " + answer.text);
    default:
      return failed(std::string(harm) + ": " + answer.quoted());
  }
}

Pop3Answer Pop3Talk::answer() {
  auto line = talk_.line();
  if (!line) return {Pop3Answer::Kind::none, talk_.state_text()};
  auto kind = Pop3Answer::Kind::other;
  if (first_word(*line) == "+OK") kind = Pop3Answer::Kind::ok;
  if (first_word(*line) == "-ERR") kind = Pop3Answer::Kind::error;
  if (first_word(*line) == "+") kind = Pop3Answer::Kind::challenge;
  return {kind, *std::move(line)};
}

Pop3Answer Pop3Talk::command(std::string_view line) {
  talk_.send(std::string(line) + "\r\n");
  return answer();
}

std::vector<Pop3Answer> Pop3Talk::rest() {
  talk_.send("QUIT\r\n");
  std::vector<Pop3Answer> all;
  while (all.size() < kMostAnswers) {
    auto one = answer();
    if (one.kind == Pop3Answer::Kind::none) break;
    all.push_back(std::move(one));
  }
  // The last +OK is that to QUIT; a server that hung up before has none.
  if (!all.empty() && all.back().ok()) all.pop_back();
  return all;
}

Pop3Talk::Obstacle Pop3Talk::unheard() const {
  if (talk_.state() == AuditTalk::State::silent || talk_.state() == AuditTalk::State::flooded)
    return unsure("the server " + talk_.state_text());
  return std::nullopt;
}

void Pop3Talk::ask_capabilities() {
  capabilities_.clear();
  if (!command("CAPA").ok()) return;
  while (capabilities_.size() < kMostCapabilities) {
    auto line = talk_.line();
    if (!line || *line == ".") return;
    capabilities_.push_back(*std::move(line));
  }
}

Pop3Talk::Obstacle Pop3Talk::greeted() {
  if (target_.tls_at_once && !talk_.start_tls(target_.server_name))
    return unsure("no TLS: " + talk_.tls_error());
  if (const auto greeting = answer(); !greeting.ok()) return unsure("no greeting: " + greeting.quoted());
  return std::nullopt;
}

Pop3Talk::Obstacle Pop3Talk::introduced() {
  if (auto no = greeted()) return no;
  ask_capabilities();
  return std::nullopt;
}

Pop3Talk::Obstacle Pop3Talk::up_to_handshake() {
  if (auto no = introduced()) return no;
  if (talk_.under_tls()) return not_applicable("TLS comes at once, without STLS");
  if (!offers("STLS")) return not_applicable("the server offers no STLS");
  if (const auto answer = command("STLS"); !answer.ok())
    return unsure("STLS was offered, but not done: " + answer.quoted());
  return std::nullopt;
}

Pop3Talk::Obstacle Pop3Talk::secured() {
  if (target_.tls_at_once) return introduced();
  if (auto no = up_to_handshake()) {
    if (no->verdict == AuditFinding::Verdict::not_applicable) return std::nullopt;  // then without TLS
    return no;
  }
  if (!talk_.start_tls(target_.server_name)) return unsure("no TLS: " + talk_.tls_error());
  ask_capabilities();
  return std::nullopt;
}

Pop3Talk::Obstacle Pop3Talk::logged_in() {
  if (target_.user.empty()) return not_applicable("the case needs --user and --password-file");
  if (auto no = secured()) return no;
  if (!talk_.under_tls()) return not_applicable("no password is sent without TLS, and the server has none");
  if (const auto answer = command("USER " + target_.user); !answer.ok())
    return unsure("USER was refused: " + answer.quoted());
  talk_.send("PASS " + target_.password + "\r\n", "PASS (the password of the user)\r\n");
  if (const auto reply = answer(); !reply.ok()) return unsure("the login was refused: " + reply.quoted());
  return std::nullopt;
}

bool Pop3Talk::offers(std::string_view capability) const {
  return std::ranges::any_of(capabilities_,
                             [&](std::string_view line) { return first_word(line) == capability; });
}

bool Pop3Talk::offers_mechanism(std::string_view mechanism) const {
  for (std::string_view line : capabilities_) {
    if (first_word(line) != "SASL") continue;
    while (!line.empty()) {
      const auto word = first_word(line);
      if (word == mechanism) return true;
      line.remove_prefix(std::min(line.size(), word.size() + 1));
    }
  }
  return false;
}

}  // namespace hikyaku::probe
