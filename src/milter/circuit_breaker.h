#pragma once
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace hikyaku::milter {

/// Keeps connections away from a filter that fails: closed while all is well; open, which is no connection at
/// all, after so many failures in a row or such a share of failures within a window; then half open, which is
/// one connection as a probe, whose outcome closes it or opens it again for twice as long. Pure: the time is
/// handed in, and must not go back. Not thread-safe.
class CircuitBreaker {
 public:
  using Moment = std::chrono::steady_clock::time_point;

  struct Settings {
    unsigned in_a_row = 5;  ///< failures one after the other that open it; 0: they do not
    unsigned percent = 50;  ///< failures among a hundred uses of the window that open it; 0: they do not
    unsigned least = 20;    ///< where the window holds so many uses at least
    std::chrono::seconds window{60};
    std::chrono::seconds open_for{10}, open_at_most{300};  ///< the first time, and after failed probes
  };

  enum class State : unsigned char { closed, open, half_open };
  /// What a connection may be: none, one among others, or the probe.
  enum class Leave : unsigned char { refused, granted, probe };

  explicit CircuitBreaker(const Settings& settings) : settings_(settings) {}

  /// Asks for a connection. Whoever got leave tells the outcome once, by succeeded() or failed(). A probe
  /// whose outcome does not come within `open_for` gives its place to another.
  [[nodiscard]] Leave ask(Moment now);
  /// Outcomes of connections that began before it opened do not count any more.
  void succeeded(Leave leave, Moment now);
  void failed(Leave leave, Moment now);

  State state(Moment now) const;
  /// How often it opened, failed probes not counted.
  std::uint64_t openings() const { return openings_; }

 private:
  static constexpr std::size_t kSlots = 10;  // of the window
  struct Slot {
    std::int64_t number = -1;  // of all slots since the beginning of time
    unsigned uses = 0, failures = 0;
  };
  Slot& slot(Moment now);
  bool too_many(Moment now) const;
  std::int64_t slot_number(Moment now) const;

  Settings settings_;
  std::array<Slot, kSlots> slots_;
  unsigned in_a_row_ = 0;
  bool closed_ = true, probing_ = false;
  std::chrono::seconds open_for_{0};
  Moment open_until_, probe_began_;
  std::uint64_t openings_ = 0;
};

/// "half open": for logs.
const char* text(CircuitBreaker::State state);

}  // namespace hikyaku::milter
