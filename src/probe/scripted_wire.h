#pragma once
// For tests only: a server that says what a script has.
#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "probe/lines.h"
#include "probe/wire.h"

namespace hikyaku::testing_support {

/// Plays the server: says() what comes at once, answers() what comes when a line was sent. Time passes by a
/// millisecond with each call of elapsed(), and by the limit where the server is silent.
class ScriptedWire final : public probe::Wire {
 public:
  /// Comes from the server before it is asked anything; each call is one receive().
  ScriptedWire& says(std::string octets) {
    output_.push_back(std::move(octets));
    return *this;
  }
  /// When the next octets sent contain `request`, this is said. In order; what is sent in between gets
  /// nothing.
  ScriptedWire& answers(std::string request, std::string octets) {
    answers_.emplace_back(std::move(request), std::move(octets));
    return *this;
  }
  /// The stream ends when all was said.
  ScriptedWire& closes() {
    closes_ = true;
    return *this;
  }
  /// What the next handshake gives, and what the server says after it.
  ScriptedWire& shakes_hands(Result<probe::TlsReport> report, std::string says_then = {},
                             std::size_t injected = 0) {
    handshakes_.push_back({std::move(report), std::move(says_then), injected});
    return *this;
  }
  /// Each receive() that has something takes so long.
  ScriptedWire& takes(std::chrono::microseconds time) {
    each_takes_ = time;
    return *this;
  }

  const std::string& sent() const { return sent_; }
  const std::vector<probe::TlsWish>& wishes() const { return wishes_; }
  bool ended() const { return ended_; }
  probe::Elapsed elapsed() {
    return [this] { return now_ += std::chrono::milliseconds{1}; };
  }

  Result<void> send(std::string_view octets) override {
    sent_ += octets;
    unanswered_ += octets;
    while (!answers_.empty()) {
      const auto at = unanswered_.find(answers_.front().first);
      if (at == unanswered_.npos) break;
      unanswered_.erase(0, at + answers_.front().first.size());
      output_.push_back(answers_.front().second);
      answers_.pop_front();
    }
    return {};
  }
  Result<Heard> receive(std::string& into, std::chrono::milliseconds limit) override {
    if (output_.empty()) {
      if (closes_ && answers_.empty()) return Heard::closed;
      now_ += limit;
      return Heard::silence;
    }
    now_ += each_takes_;
    into += output_.front();
    output_.pop_front();
    return Heard::octets;
  }
  Result<probe::TlsReport> start_tls(const probe::TlsWish& wish, std::size_t& injected) override {
    wishes_.push_back(wish);
    if (handshakes_.empty()) return fail(Fault::permanent, "TLS handshake: none in the script");
    auto now = std::move(handshakes_.front());
    handshakes_.pop_front();
    injected = now.injected;
    if (now.report) tls_ = true;
    if (!now.says_then.empty()) output_.push_front(now.says_then);
    return std::move(now.report);
  }
  bool under_tls() const override { return tls_; }
  void end_output() override { ended_ = true; }
  void abort() override { ended_ = true; }

 private:
  struct Handshake {
    Result<probe::TlsReport> report;
    std::string says_then;
    std::size_t injected;
  };
  std::deque<std::string> output_;
  std::deque<std::pair<std::string, std::string>> answers_;
  std::deque<Handshake> handshakes_;
  std::vector<probe::TlsWish> wishes_;
  std::string sent_, unanswered_;
  std::chrono::microseconds now_{0}, each_takes_{0};
  bool closes_ = false, tls_ = false, ended_ = false;
};

}  // namespace hikyaku::testing_support
