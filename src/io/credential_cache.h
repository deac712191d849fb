#pragma once
#include <array>
#include <chrono>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/random.h"
#include "base/time.h"

namespace hikyaku::io {

/// Passwords that were found right a short while ago, as keyed hashes (HMAC-SHA-256 with a key that only this
/// process has and that is never written), so that a busy client pays for yescrypt once and not with every
/// session. Wrong ones are not kept. Bounded; the least recently used goes first. Thread-safe.
class CredentialCache {
 public:
  explicit CredentialCache(Random& random, std::chrono::seconds lifetime = std::chrono::minutes{5},
                           std::size_t limit = 10000);

  /// `version` is Users::version(): after a change of the users nothing remembered counts.
  bool holds(std::string_view version, std::string_view user, std::string_view password, Time now);
  void remember(std::string_view version, std::string_view user, std::string_view password, Time now);

 private:
  struct Entry {
    std::string mac;
    Time until;
  };
  std::string mac(std::string_view version, std::string_view user, std::string_view password) const;

  std::array<unsigned char, 32> key_{};
  const std::chrono::seconds lifetime_;
  const std::size_t limit_;
  std::mutex mutex_;
  std::list<Entry> entries_;  // most recently used first
  std::unordered_map<std::string, std::list<Entry>::iterator> by_mac_;
};

}  // namespace hikyaku::io
