#include "io/hmac.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>

namespace hikyaku::io {

std::optional<std::string> hmac(std::string_view hash, std::string_view key, std::string_view text) {
  const auto* digest = EVP_get_digestbyname(std::string(hash).c_str());
  if (digest == nullptr) return std::nullopt;
  std::array<unsigned char, EVP_MAX_MD_SIZE> octets{};
  unsigned size = 0;
  const auto* made =
      HMAC(digest, key.data(), static_cast<int>(key.size()),
           reinterpret_cast<const unsigned char*>(text.data()), text.size(), octets.data(), &size);
  if (made == nullptr) return std::nullopt;
  return std::string(reinterpret_cast<const char*>(octets.data()), size);
}

}  // namespace hikyaku::io
