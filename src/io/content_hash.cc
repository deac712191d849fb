#include "io/content_hash.h"

#include <openssl/evp.h>

#include <cstdlib>

namespace hikyaku::io {

struct ContentHash::Context {
  Context() : digest(EVP_MD_CTX_new()) { begin(); }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  ~Context() { EVP_MD_CTX_free(digest); }
  // An OpenSSL without SHA-256 or memory: a wrong hash would lose mail.
  void begin() {
    if (digest == nullptr || EVP_DigestInit_ex(digest, EVP_sha256(), nullptr) != 1) std::abort();
  }
  EVP_MD_CTX* digest;
};

ContentHash::ContentHash() : context_(std::make_unique<Context>()) {}
ContentHash::ContentHash(ContentHash&&) noexcept = default;
ContentHash& ContentHash::operator=(ContentHash&&) noexcept = default;
ContentHash::~ContentHash() = default;

void ContentHash::update(std::string_view octets) {
  if (EVP_DigestUpdate(context_->digest, octets.data(), octets.size()) != 1) std::abort();
}

ContentHash::Value ContentHash::finish() {
  Value value{};
  if (EVP_DigestFinal_ex(context_->digest, value.data(), nullptr) != 1) std::abort();
  context_->begin();
  return value;
}

}  // namespace hikyaku::io
