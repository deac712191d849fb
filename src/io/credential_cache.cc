#include "io/credential_cache.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

namespace hikyaku::io {

CredentialCache::CredentialCache(Random& random, std::chrono::seconds lifetime, std::size_t limit)
    : lifetime_(lifetime), limit_(limit) {
  random.fill(key_);
}

std::string CredentialCache::mac(std::string_view version, std::string_view user,
                                 std::string_view password) const {
  // NUL can be in none of them, so that the parts can't be shifted against each other.
  std::string text;
  text.reserve(version.size() + user.size() + password.size() + 2);
  text += version;
  text += '\0';
  text += user;
  text += '\0';
  text += password;
  std::string mac(32, '\0');
  unsigned size = 0;
  HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(),
       reinterpret_cast<unsigned char*>(mac.data()), &size);
  return mac;
}

bool CredentialCache::holds(std::string_view version, std::string_view user, std::string_view password,
                            Time now) {
  const auto wanted = mac(version, user, password);
  const std::lock_guard lock(mutex_);
  const auto found = by_mac_.find(wanted);
  if (found == by_mac_.end()) return false;
  if (found->second->until < now) {
    entries_.erase(found->second);
    by_mac_.erase(found);
    return false;
  }
  entries_.splice(entries_.begin(), entries_, found->second);
  return true;
}

void CredentialCache::remember(std::string_view version, std::string_view user, std::string_view password,
                               Time now) {
  auto wanted = mac(version, user, password);
  const std::lock_guard lock(mutex_);
  if (by_mac_.contains(wanted)) return;
  entries_.push_front({wanted, now + lifetime_});
  by_mac_.emplace(std::move(wanted), entries_.begin());
  if (entries_.size() > limit_) {
    by_mac_.erase(entries_.back().mac);
    entries_.pop_back();
  }
}

}  // namespace hikyaku::io
