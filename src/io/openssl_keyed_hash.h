#pragma once
#include "base/keyed_hash.h"

namespace hikyaku::io {

/// OpenSSL's.
class OpensslKeyedHash : public KeyedHash {
 public:
  std::string hmac_sha1(std::string_view key, std::string_view text) const override;
  std::string hmac_sha256(std::string_view key, std::string_view text) const override;
};

}  // namespace hikyaku::io
