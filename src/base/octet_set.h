#pragma once
#include <array>
#include <string_view>

namespace hikyaku {

/// A set of octets, for loops over text: one load an octet.
class OctetSet {
 public:
  /// The octets of `members`.
  constexpr explicit OctetSet(std::string_view members) {
    for (const char c : members) in_[static_cast<unsigned char>(c)] = true;
  }
  /// The same set with all from `first` to `last`.
  constexpr OctetSet with_range(unsigned char first, unsigned char last) const {
    OctetSet more = *this;
    for (unsigned octet = first; octet <= last; ++octet) more.in_[octet] = true;
    return more;
  }
  constexpr bool has(char c) const { return in_[static_cast<unsigned char>(c)]; }

 private:
  std::array<bool, 256> in_{};
};

}  // namespace hikyaku
