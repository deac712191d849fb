#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "rewrite/srs.h"

namespace {

/// All octets of it depend on all of the text: a signature that is taken must have been ours.
class PlainHash final : public hikyaku::KeyedHash {
 public:
  std::string hmac_sha1(std::string_view key, std::string_view text) const override {
    std::string octets(20, '\0');
    std::uint32_t state = 2166136261U;
    for (const auto part : {key, text}) {
      for (const char c : part) state = (state ^ static_cast<unsigned char>(c)) * 16777619U;
    }
    for (char& octet : octets) {
      state = state * 1664525U + 1013904223U;
      octet = static_cast<char>(state >> 24U);
    }
    return octets;
  }
};

}  // namespace

// An address from outside. What has the form of a rewritten sender is taken back or refused; what is
// rewritten comes back as it was.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using hikyaku::mail::Address;
  static const PlainHash hash;
  static const hikyaku::rewrite::Srs srs({.domain = "s.test", .secrets = {"k"}}, hash);
  constexpr hikyaku::Time now{std::chrono::hours(500000)};
  const auto address = Address::from_internal({reinterpret_cast<const char*>(data), size});
  if (!address) return 0;
  if (srs.has_form(*address)) static_cast<void>(srs.reverse(*address, now));
  const auto forwarded = srs.forward(*address, now);
  if (!forwarded) return 0;
  if (!srs.has_form(*forwarded)) std::abort();
  const auto back = srs.reverse(*forwarded, now);
  if (!back) std::abort();
  const bool again = forwarded->local().starts_with("SRS1");
  if (!again && *back != *address) std::abort();
  return 0;
}
