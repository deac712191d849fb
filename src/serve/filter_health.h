#pragma once
#include <array>
#include <cstdint>
#include <expected>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "milter/admission.h"
#include "milter/endpoint.h"
#include "milter/latency_histogram.h"
#include "milter/multiplexer_report.h"

namespace hikyaku::serve {

/// What is known of a filter over all sessions: whether it may be connected to, and how it did. Lives as long
/// as the filter is in the configuration, also when that is read anew. Thread-safe.
class FilterHealth {
 public:
  using Moment = milter::Admission::Moment;
  /// Its addresses in the order in which they are tried.
  FilterHealth(std::string name, std::vector<milter::Endpoint> addresses,
               const milter::Admission::Settings& settings);

  const std::string& name() const { return name_; }
  const std::vector<milter::Endpoint>& addresses() const { return addresses_; }

  // As milter::Admission has them.
  std::expected<milter::Admission::Place, milter::Admission::Refusal> enter(Moment now);
  std::optional<milter::Admission::Place> next(const milter::Admission::Place& failed, Moment now);
  void succeeded(const milter::Admission::Place& place, Moment now);
  void failed(const milter::Admission::Place& place, Moment now);
  void left();

  /// The waits whose length is kept.
  enum class Wait : unsigned char { negotiation, envelope, content, end_of_message };
  static constexpr std::size_t kWaits = 4;
  /// Takes what it made of a message, or of a connection. `counts`: as one more that it judged; `failure`:
  /// as one more that was told.
  void add(const milter::ChildReport& report, bool counts, bool failure);
  /// It was seen to decide at one of these (milter::ChildReport::early).
  std::vector<milter::Command> decides_early() const;

  struct Snapshot {
    std::string name;
    std::size_t connections = 0;
    struct Address {
      std::string text;
      milter::CircuitBreaker::State breaker{};
      std::uint64_t openings = 0;
    };
    std::vector<Address> addresses;
    std::array<milter::LatencyHistogram, kWaits> waits;
    std::uint64_t took_part = 0, ruled_out = 0, failures = 0, no_budget = 0, kept_away = 0;
    /// Of the process that its command starts. Not the filter's own: statistics() fills them in.
    std::uint64_t starts = 0, ends = 0;
  };
  Snapshot snapshot(Moment now) const;

 private:
  const std::string name_;
  const std::vector<milter::Endpoint> addresses_;
  mutable std::mutex mutex_;
  milter::Admission admission_;
  std::vector<milter::Command> decides_early_;
  Snapshot counted_;
};

/// "end of message"
std::string_view text(FilterHealth::Wait wait);

}  // namespace hikyaku::serve
