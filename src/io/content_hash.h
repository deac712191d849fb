#pragma once
#include <array>
#include <memory>
#include <string_view>

namespace hikyaku::io {

/// SHA-256 of octets that come in pieces: two contents of the same hash are the same for all purposes.
class ContentHash {
 public:
  using Value = std::array<unsigned char, 32>;
  ContentHash();
  ContentHash(ContentHash&&) noexcept;
  ContentHash& operator=(ContentHash&&) noexcept;
  ~ContentHash();
  void update(std::string_view octets);
  /// Of all since the last finish().
  Value finish();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

}  // namespace hikyaku::io
