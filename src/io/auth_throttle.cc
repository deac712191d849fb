#include "io/auth_throttle.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

namespace hikyaku::io {

std::string AuthThrottle::address_key(std::string_view address) {
  const std::string text(address);
  std::array<char, 16> octets{};
  // One customer has a /64 at least, so that is one guesser.
  if (inet_pton(AF_INET6, text.c_str(), octets.data()) == 1) return "6" + std::string(octets.data(), 8);
  return "4" + text;
}

const AuthThrottle::Count* AuthThrottle::find(const std::string& key, Time now) const {
  const auto found = by_key_.find(key);
  if (found == by_key_.end() || now - found->second->last > kForget) return nullptr;
  return &*found->second;
}

AuthThrottle::Count& AuthThrottle::count(std::string key, Time now) {
  if (const auto found = by_key_.find(key); found != by_key_.end()) {
    counts_.splice(counts_.begin(), counts_, found->second);
  } else {
    counts_.push_front({key, 0, now});
    by_key_.emplace(std::move(key), counts_.begin());
    if (counts_.size() > limit_) {
      by_key_.erase(counts_.back().key);
      counts_.pop_back();
    }
  }
  auto& front = counts_.front();
  if (now - front.last > kForget) front.failures = 0;
  front.last = now;
  return front;
}

bool AuthThrottle::blocked(std::string_view address, std::string_view user, Time now) {
  const std::lock_guard lock(mutex_);
  const auto* by_address = find(address_key(address), now);
  if (by_address != nullptr && by_address->failures >= kBlockAddress && now - by_address->last < kBlock)
    return true;
  const auto* by_user = find("u" + std::string(user), now);
  return by_user != nullptr && by_user->failures >= kBlockUser && now - by_user->last < kBlock;
}

std::chrono::milliseconds AuthThrottle::failed(std::string_view address, std::string_view user, Time now) {
  const std::lock_guard lock(mutex_);
  const auto failures = ++count(address_key(address), now).failures;
  ++count("u" + std::string(user), now).failures;
  return std::chrono::milliseconds{500U << std::min(failures - 1, 4U)};  // half a second to eight seconds
}

void AuthThrottle::succeeded(std::string_view address) {
  const std::lock_guard lock(mutex_);
  const auto found = by_key_.find(address_key(address));
  if (found == by_key_.end()) return;
  counts_.erase(found->second);
  by_key_.erase(found);
}

}  // namespace hikyaku::io
