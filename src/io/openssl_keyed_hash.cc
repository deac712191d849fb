#include "io/openssl_keyed_hash.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <cstdlib>

namespace hikyaku::io {

namespace {

std::string hmac(const EVP_MD* digest, std::string_view key, std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> octets{};
  unsigned size = 0;
  const auto* made =
      HMAC(digest, key.data(), static_cast<int>(key.size()),
           reinterpret_cast<const unsigned char*>(text.data()), text.size(), octets.data(), &size);
  if (made == nullptr) std::abort();  // an OpenSSL without SHA-1 or SHA-2: nothing would be proof of anything
  return {reinterpret_cast<const char*>(octets.data()), size};
}

}  // namespace

std::string OpensslKeyedHash::hmac_sha1(std::string_view key, std::string_view text) const {
  return hmac(EVP_sha1(), key, text);
}

std::string OpensslKeyedHash::hmac_sha256(std::string_view key, std::string_view text) const {
  return hmac(EVP_sha256(), key, text);
}

}  // namespace hikyaku::io
