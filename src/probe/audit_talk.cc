#include "probe/audit_talk.h"

#include <algorithm>
#include <utility>

#include "probe/record.h"

namespace hikyaku::probe {

std::string shown_start(std::string_view text, std::size_t limit) {
  return shown(text.substr(0, limit)) + (text.size() > limit ? "..." : "");
}

std::string wording(std::string_view text) {
  constexpr std::size_t kLongestCode = 7;  // "5.7.123"
  std::string out;
  while (!text.empty()) {
    const auto word = text.substr(0, text.find_first_of(" \n"));
    const bool digits = word.find_first_of("0123456789") != std::string_view::npos;
    const bool code =
        word.size() <= kLongestCode && word.find_first_not_of("0123456789.-") == std::string_view::npos;
    if (!digits || code) out += std::string(out.empty() ? "" : " ") + std::string(word);
    text.remove_prefix(std::min(text.size(), word.size() + 1));
  }
  return out;
}

AuditTalk::AuditTalk(Wire& wire, Limits limits, Now now)
    : wire_(wire), limits_(limits), now_(std::move(now)), end_(now_() + limits.total) {}

std::string AuditTalk::state_text() const {
  switch (state_) {
    case State::closed:
      return "closed the connection";
    case State::flooded:
      return "sent more than " + std::to_string(kMost / 1024) + " KiB";
    default:
      return "said nothing within " + std::to_string(limits_.answer.count()) + " ms";
  }
}

void AuditTalk::record(AuditStep::Kind kind, std::string_view octets) {
  if (steps_.size() >= kSteps) return;
  // What comes in pieces was said at once: a reply is easier to read as one step.
  if (!steps_.empty() && kind == AuditStep::Kind::received) {
    auto& last = steps_.back();
    if (last.kind == kind && last.tls == wire_.under_tls()) {
      last.octets += octets.substr(0, kKept - std::min(kKept, last.octets.size()));
      last.size += octets.size();
      return;
    }
  }
  steps_.push_back({kind, wire_.under_tls(), std::string(octets.substr(0, kKept)), octets.size()});
}

void AuditTalk::note(std::string text) { record(AuditStep::Kind::note, text); }

bool AuditTalk::send(std::string_view octets, std::string_view shown) {
  record(AuditStep::Kind::sent, shown.empty() ? octets : shown);
  if (auto sent = wire_.send(octets); !sent) {
    note("could not be sent: " + shown_start(sent.error().text, 200));
    return false;
  }
  return true;
}

bool AuditTalk::receive() {
  if (state_ == State::closed || state_ == State::flooded) return false;
  const auto left = std::min(limits_.answer, end_ - now_());
  if (left.count() <= 0) {
    state_ = State::silent;
    return false;
  }
  const auto before = in_.size();
  const auto heard = wire_.receive(in_, left);
  if (in_.size() > before) record(AuditStep::Kind::received, std::string_view(in_).substr(before));
  received_ += in_.size() - before;
  if (!heard) {
    note("the connection broke: " + shown_start(heard.error().text, 200));
    state_ = State::closed;
    return false;
  }
  if (*heard == Wire::Heard::closed) {
    note("the server closed the connection");
    state_ = State::closed;
    return false;
  }
  if (*heard == Wire::Heard::silence) {
    state_ = State::silent;
    return false;
  }
  if (received_ > kMost) {
    note("more than is read of an answer: hung up");
    state_ = State::flooded;
    return false;
  }
  return true;
}

std::optional<std::string> AuditTalk::line() {
  std::size_t searched = 0;
  for (;;) {
    const auto end = in_.find('\n', searched);
    if (end != std::string::npos) {
      std::string line = in_.substr(0, end);
      in_.erase(0, end + 1);
      if (line.ends_with('\r')) line.pop_back();
      if (state_ == State::silent) state_ = State::open;
      return line;
    }
    if (in_.size() >= kLine) return std::exchange(in_, {});
    searched = in_.size();
    if (!receive()) return std::nullopt;
  }
}

bool AuditTalk::start_tls(const std::string& server_name) {
  TlsWish wish;
  wish.server_name = server_name;
  return start_tls(wish);
}

bool AuditTalk::start_tls(const TlsWish& wish) {
  injected_ = in_.size();
  in_.clear();
  std::size_t waiting = 0;
  auto report = wire_.start_tls(wish, waiting);
  injected_ += waiting;
  if (!report) {
    tls_error_ = shown_start(report.error().text, 300);
    note("TLS handshake: " + tls_error_);
    return false;
  }
  tls_report_ = *std::move(report);
  note("TLS handshake: " + shown_start(tls_report_.protocol + " " + tls_report_.cipher, 100));
  if (injected_ > 0) note(std::to_string(injected_) + " octets came before the handshake");
  return true;
}

void AuditTalk::end_output() {
  wire_.end_output();
  note("the sending half was ended");
}

}  // namespace hikyaku::probe
