#include <array>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <variant>

#include "milter/multiplexer.h"

// An MTA and three filters that are all hostile: whatever they say, in whatever order, what is sent to each
// is packets; a connection that was opened is closed, once; and when they all fall silent the timeouts bring
// it back to the MTA. The first octets choose the settings; then come instructions of an octet for who does
// what, one for its length, and its octets.
namespace {

using namespace hikyaku;
using namespace hikyaku::milter;

constexpr std::size_t kChildren = 3;

void check(bool holds) {
  if (!holds) std::abort();
}

class Spool : public MessageSpool {
 public:
  Result<void> append(std::string_view octets) override {
    file_ += octets;
    return {};
  }
  Result<std::string> read(std::uint64_t offset, std::size_t size) override {
    check(offset + size <= file_.size());
    return file_.substr(static_cast<std::size_t>(offset), size);
  }
  void clear() override { file_.clear(); }

 private:
  std::string file_;
};

Multiplexer::Settings settings(std::uint8_t how) {
  Multiplexer::Settings settings;
  settings.children.resize(kChildren);
  const auto fallback = static_cast<Multiplexer::Fallback>(how & 3);
  for (auto& child : settings.children) child.fallback = child.fallback_at_disconnect = fallback;
  if ((how & 4) != 0) settings.children[1].mode = Multiplexer::Mode::evaluation;
  if ((how & 8) != 0) settings.children[2].added_headers = Multiplexer::AddedHeaders::ignored;
  if ((how & 32) != 0) settings.children[0].tell_ahead = false;
  if ((how & 16) != 0) settings.decide = {Command::connect, Command::rcpt, Command::header, Command::body};
  settings.limits = {2000, 2000, 200, 3000, 10, 2000};
  return settings;
}

class Driver {
 public:
  Driver(const Multiplexer::Settings& how, std::uint8_t moods) : mux_(how, spool_), moods_(moods) {}

  void run() {
    for (int events = 0; !ended_; ++events) {
      check(events < 10000);
      auto event = mux_.next(now_);
      if (const auto* need = std::get_if<Multiplexer::NeedOctets>(&event)) {
        need_ = *need;
        break;
      }
      std::visit([this](const auto& one) { handle(one); }, event);
    }
    sent(mux_.take_parent_output());
    for (std::size_t i = 0; i < kChildren; ++i) sent(mux_.take_output(i));
  }
  void parent(std::string_view octets) { mux_.feed_parent(octets); }
  void child(std::size_t number, std::string_view octets) { mux_.feed_child(number, octets); }
  void lost(std::size_t number) { mux_.child_lost(number, "closed\n"); }
  void pass(unsigned seconds) { now_ += std::chrono::seconds(seconds); }

  /// Nobody says anything any more.
  void fall_silent() {
    for (int waits = 0; !ended_ && !need_.parent; ++waits) {
      check(waits < 1000 && need_.wake_at && *need_.wake_at >= now_);
      now_ = *need_.wake_at;
      run();
    }
    mux_.parent_lost("closed");
    run();
    check(ended_);
    check(std::holds_alternative<Multiplexer::End>(mux_.next(now_)));
    for (const bool open : open_) check(!open);
  }

 private:
  static void sent(std::string_view octets) {
    PacketReader reader;
    reader.feed(octets);
    for (;;) {
      const auto packet = reader.next();
      check(packet.has_value());
      if (!*packet) break;
    }
    check(reader.pending() == 0);
  }
  void handle(const Multiplexer::NeedOctets&) {}
  void handle(const Multiplexer::Connect& connect) {
    check(!open_[connect.child]);
    moods_ = static_cast<std::uint8_t>(moods_ * 5 + 1);
    if ((moods_ & 0x1c) == 0) {
      mux_.connection_failed(connect.child, "refused");
    } else {
      open_[connect.child] = true;
      mux_.connected(connect.child);
    }
  }
  void handle(const Multiplexer::Disconnect& left) {
    check(std::exchange(open_[left.child], false));
    sent(left.farewell);
  }
  void handle(const Multiplexer::Decide& asked) {
    check(asked.event != nullptr);
    moods_ = static_cast<std::uint8_t>(moods_ * 5 + 1);
    if ((moods_ & 0x18) == 0) mux_.rule_out(moods_ % kChildren, "condition");
    if ((moods_ & 0x60) == 0) mux_.set_macro(moods_ % kChildren, "{x}", "y");
    mux_.decided();
  }
  void handle(const MultiplexerReport& report) {
    check(report.children.size() == kChildren);
    for (const auto& child : report.children)
      check(child.edits.size() <= 10 && child.answers.size() <= 100 && child.notes.size() <= 20);
  }
  void handle(const Multiplexer::End&) { ended_ = true; }

  Spool spool_;
  Multiplexer mux_;
  Multiplexer::Moment now_{};
  Multiplexer::NeedOctets need_;
  std::array<bool, kChildren> open_{};
  std::uint8_t moods_;
  bool ended_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const auto how = settings(data[0]);
  Driver driver(how, data[1]);
  std::string_view left(reinterpret_cast<const char*>(data + 2), size - 2);
  while (left.size() >= 2) {
    const auto who = static_cast<std::uint8_t>(left[0]);
    const auto length = static_cast<std::uint8_t>(left[1]);
    left.remove_prefix(2);
    const auto octets = left.substr(0, length);
    switch (who % 8) {
      case 0:
        driver.parent(octets);
        break;
      case 1:
      case 2:
      case 3:
        driver.child(who % 8 - 1U, octets);
        break;
      case 4:  // all of them say the same
        for (std::size_t i = 0; i < kChildren; ++i) driver.child(i, octets);
        break;
      case 5:
        driver.lost(length % kChildren);
        break;
      default:
        driver.pass(length);
    }
    if (who % 8 < 5) left.remove_prefix(octets.size());
    driver.run();
  }
  driver.run();
  driver.fall_silent();
  return 0;
}
