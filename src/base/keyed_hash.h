#pragma once
#include <string>
#include <string_view>

namespace hikyaku {

/// A message authentication code. The port; io has OpenSSL's. Thread-safe.
class KeyedHash {
 public:
  virtual ~KeyedHash() = default;
  /// HMAC-SHA-1 of `text` under `key` (RFC 2104): 20 octets. SHA-1 is what SRS has used everywhere; as a MAC
  /// it is not broken.
  virtual std::string hmac_sha1(std::string_view key, std::string_view text) const = 0;
  /// HMAC-SHA-256: 32 octets.
  virtual std::string hmac_sha256(std::string_view key, std::string_view text) const = 0;
};

}  // namespace hikyaku
