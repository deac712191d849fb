#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/plain_hash.h"
#include "rewrite/srs.h"

// An address from outside. What has the form of a rewritten sender is taken back or refused; what is
// rewritten comes back as it was.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using hikyaku::mail::Address;
  static const hikyaku::testing_support::PlainHash hash;
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
