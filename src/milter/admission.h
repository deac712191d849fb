#pragma once
#include <cstddef>
#include <expected>
#include <optional>
#include <vector>

#include "milter/circuit_breaker.h"

namespace hikyaku::milter {

/// Whether a filter may be connected to now, and at which of its addresses: a budget of connections, and a
/// circuit breaker for each address. Pure: the time is handed in. Not thread-safe.
class Admission {
 public:
  using Moment = CircuitBreaker::Moment;

  struct Settings {
    std::size_t connections = 0;  ///< at the same time, to all addresses together; 0: no limit
    CircuitBreaker::Settings breaker;
  };
  /// An address, by its number, that may be tried.
  struct Place {
    std::size_t address = 0;
    CircuitBreaker::Leave leave = CircuitBreaker::Leave::granted;
  };
  enum class Refusal : unsigned char {
    budget,   ///< too many connections
    breaker,  ///< no address that is not kept away from
  };

  /// `addresses`: how many, at least 1.
  Admission(const Settings& settings, std::size_t addresses)
      : most_(settings.connections), breakers_(addresses, CircuitBreaker(settings.breaker)) {}

  /// Takes a connection of the budget, which left() gives back, for the first address that may be tried.
  [[nodiscard]] std::expected<Place, Refusal> enter(Moment now);
  /// `failed` could not be reached, which counts as a failure of it: the next address that may be tried.
  /// nullopt: there is none, and the connection of the budget is still to be given back.
  [[nodiscard]] std::optional<Place> next(const Place& failed, Moment now);
  /// How the filter did at `place`: once for each place but those that next() was asked for.
  void succeeded(const Place& place, Moment now) { breakers_[place.address].succeeded(place.leave, now); }
  void failed(const Place& place, Moment now) { breakers_[place.address].failed(place.leave, now); }
  void left() { --connections_; }

  std::size_t connections() const { return connections_; }
  const std::vector<CircuitBreaker>& breakers() const { return breakers_; }

 private:
  std::optional<Place> from(std::size_t address, Moment now);

  std::size_t most_, connections_ = 0;
  std::vector<CircuitBreaker> breakers_;
};

}  // namespace hikyaku::milter
