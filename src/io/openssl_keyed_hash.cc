#include "io/openssl_keyed_hash.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <cstdlib>

namespace hikyaku::io {

std::string OpensslKeyedHash::hmac_sha1(std::string_view key, std::string_view text) const {
  std::array<unsigned char, EVP_MAX_MD_SIZE> octets{};
  unsigned size = 0;
  const auto* made =
      HMAC(EVP_sha1(), key.data(), static_cast<int>(key.size()),
           reinterpret_cast<const unsigned char*>(text.data()), text.size(), octets.data(), &size);
  if (made == nullptr) std::abort();  // an OpenSSL without SHA-1: no address would be proof of anything
  return {reinterpret_cast<const char*>(octets.data()), size};
}

}  // namespace hikyaku::io
