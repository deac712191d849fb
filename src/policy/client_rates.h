#pragma once
#include <cstddef>
#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/time.h"
#include "policy/access.h"
#include "policy/settings.h"

namespace hikyaku::policy {

/// Counts what each client address does, for the smtpd_client_*_limit settings (anvil(8)): connections at a
/// time, and events within the present time unit. Bounded: of kLimit clients without an open connection the
/// one longest unseen is forgotten. Thread-safe; time is handed in.
class ClientRates {
 public:
  static constexpr std::size_t kLimit = 100000;
  enum class Event : unsigned char { message, recipient, new_tls_session, auth };

  /// Counts a connection; each one counted must be closed. Gives the refusal when it is one too many (answer
  /// it instead of the greeting, then close): "421 4.7.0 host Error: too many connections from 192.0.2.1".
  std::optional<Refusal> connect(const RateLimits& limits, const Client& client, std::string_view hostname,
                                 Time now);
  void disconnect(std::string_view address, Time now);
  /// How many connections the client has open; 0 where nobody counts them, as in Postfix: no limit is set, or
  /// the client is excepted.
  std::size_t connections(const RateLimits& limits, const Client& client) const;
  /// Counts an event and gives the refusal when there are too many in this unit: "450 4.7.1 Error: too much
  /// mail from 192.0.2.1".
  std::optional<Refusal> count(Event event, const RateLimits& limits, const Client& client, Time now);

  struct Load {
    std::size_t clients = 0, connections = 0;
  };
  Load load() const;

 private:
  struct Counts {
    std::size_t open = 0;
    std::size_t connections = 0;
    std::size_t events[4] = {};
    Time since{};
    std::list<std::string>::iterator place;  // in idle_, when open is 0
    bool idle = false;
  };
  Counts& counts(std::string_view address, std::chrono::seconds unit, Time now);
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };

  mutable std::mutex mutex_;
  std::unordered_map<std::string, Counts, Hash, std::equal_to<>> clients_;
  std::list<std::string> idle_;  // longest unseen first
  std::size_t open_ = 0;
};

}  // namespace hikyaku::policy
