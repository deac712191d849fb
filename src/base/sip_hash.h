#pragma once
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace hikyaku {

/// SipHash-2-4 with 128 bits: a keyed hash for tables in memory whose keys come from outside. Who does not
/// know the key can't choose texts that meet; no signature of anything that leaves the process. Pure.
class SipHash {
 public:
  using Key = std::array<std::uint64_t, 2>;
  using Value = std::array<std::uint64_t, 2>;

  explicit SipHash(const Key& key) : key_(key) {}

  Value hash(std::string_view text) const {
    State state{key_[0] ^ 0x736f6d6570736575U, key_[1] ^ 0x646f72616e646f6dU ^ 0xeeU,
                key_[0] ^ 0x6c7967656e657261U, key_[1] ^ 0x7465646279746573U};
    const std::uint64_t length = static_cast<std::uint64_t>(text.size()) << 56U;
    for (; text.size() >= 8; text.remove_prefix(8)) state.mix(word(text, 8));
    state.mix(length | word(text, text.size()));
    state.c ^= 0xeeU;
    for (int i = 0; i < 4; ++i) state.round();
    const auto low = state.sum();
    state.b ^= 0xddU;
    for (int i = 0; i < 4; ++i) state.round();
    return {low, state.sum()};
  }

 private:
  struct State {
    std::uint64_t a, b, c, d;
    void round() {
      a += b;
      b = std::rotl(b, 13) ^ a;
      a = std::rotl(a, 32);
      c += d;
      d = std::rotl(d, 16) ^ c;
      a += d;
      d = std::rotl(d, 21) ^ a;
      c += b;
      b = std::rotl(b, 17) ^ c;
      c = std::rotl(c, 32);
    }
    void mix(std::uint64_t word) {
      d ^= word;
      round();
      round();
      a ^= word;
    }
    std::uint64_t sum() const { return a ^ b ^ c ^ d; }
  };
  static std::uint64_t word(std::string_view text, std::size_t octets) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < octets; ++i) {
      value |= static_cast<std::uint64_t>(static_cast<unsigned char>(text[i])) << (8 * i);
    }
    return value;
  }

  Key key_;
};

}  // namespace hikyaku
