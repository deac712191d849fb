#pragma once
#include <chrono>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/time.h"

namespace hikyaku::io {

/// Slows down who guesses passwords: each failed try, by address (IPv6: by /64) and by user, doubles the wait
/// before the answer to the next failure, and from the tenth within the hour tries are refused for a while
/// without being looked at. A success clears the address's count. Bounded memory. Thread-safe.
class AuthThrottle {
 public:
  explicit AuthThrottle(std::size_t limit = 100000) : limit_(limit) {}

  /// True: refuse now, without looking at the password.
  bool blocked(std::string_view address, std::string_view user, Time now);
  /// Counts a failure; the result is how long its answer is to wait.
  std::chrono::milliseconds failed(std::string_view address, std::string_view user, Time now);
  void succeeded(std::string_view address);

  static constexpr unsigned kBlockAddress = 10, kBlockUser = 100;
  static constexpr std::chrono::minutes kForget{60}, kBlock{5};

 private:
  struct Count {
    std::string key;
    unsigned failures = 0;
    Time last{};
  };
  Count& count(std::string key, Time now);
  const Count* find(const std::string& key, Time now) const;
  static std::string address_key(std::string_view address);

  const std::size_t limit_;
  mutable std::mutex mutex_;
  std::list<Count> counts_;  // most recent first
  std::unordered_map<std::string, std::list<Count>::iterator> by_key_;
};

}  // namespace hikyaku::io
