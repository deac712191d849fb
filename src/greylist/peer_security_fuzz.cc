#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/plain_hash.h"
#include "greylist/peer_security.h"

// Who does not know the secret, at either end: whatever is said, and however it is cut, nothing is proven,
// and the talk ends. The first octet chooses the cuts.
namespace {

using namespace hikyaku::greylist;

void check(bool holds) {
  if (!holds) std::abort();
}

/// Up to `said`'s end: how it ended, and what was answered.
std::string hear(PeerSecurity& one, std::string_view said, std::size_t at_once) {
  std::string answers;
  for (;;) {
    const auto event = one.next();
    answers += one.take_output();
    check(!std::holds_alternative<PeerSecurity::Proven>(event));
    if (const auto* failed = std::get_if<PeerSecurity::Failed>(&event)) return answers + failed->error.text;
    if (std::holds_alternative<PeerSecurity::StartTls>(event)) {
      one.secured("exported");
      continue;
    }
    if (said.empty()) one.finish();
    one.feed(said.substr(0, at_once));
    said.remove_prefix(std::min(at_once, said.size()));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const hikyaku::testing_support::PlainHash hash;
  const std::string_view said(reinterpret_cast<const char*>(data + 1), size - 1);
  const PeerSecurity::Keys keys{"a secret of a fleet", std::string(PeerSecurity::kNonce, 'n')};
  const std::size_t at_once = data[0] == 0 ? size : data[0];
  PeerSecurityCaller caller(keys, hash);
  PeerSecurityListener listener(keys, hash);
  static_cast<void>(hear(caller, said, at_once));
  static_cast<void>(hear(listener, said, at_once));
  return 0;
}
