#pragma once
#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hikyaku::table {

/// An IPv4 or IPv6 address.
class Ip {
 public:
  enum class Family : unsigned char { v4, v6 };

  /// Reads "192.0.2.1" or "2001:db8::1" (RFC 4291 s. 2.2), without brackets, port or zone. An IPv4-mapped
  /// IPv6 address ("::ffff:192.0.2.1") is read as the IPv4 address that it stands for, as Postfix does with
  /// clients. Pure; no allocation.
  static std::optional<Ip> parse(std::string_view text);
  /// The same, with IPv4-mapped addresses left as they are: the keys and patterns of cidr: tables.
  static std::optional<Ip> parse_unmapped(std::string_view text);
  static Ip v4(std::array<std::uint8_t, 4> octets);
  static Ip v6(const std::array<std::uint8_t, 16>& octets);

  Family family() const { return family_; }
  unsigned bits() const { return family_ == Family::v4 ? 32 : 128; }
  /// In network order. The first 4 or all 16 octets count; the rest is zero.
  const std::array<std::uint8_t, 16>& octets() const { return octets_; }
  /// The same address with all bits after the first `prefix` zero.
  Ip masked(unsigned prefix) const;
  /// What DNS lists are asked by: "192.0.2.7" -> "7.2.0.192."; an IPv6 address as 32 nibbles (RFC 5782
  /// s. 2.1, 2.4).
  std::string reversed() const;
  /// The canonical text (RFC 5952): the form of lookup keys.
  std::string text() const;
  auto operator<=>(const Ip&) const = default;

 private:
  Family family_ = Family::v4;
  std::array<std::uint8_t, 16> octets_{};
};

/// A network: all addresses that begin with the same bits.
class Network {
 public:
  Network() = default;  ///< 0.0.0.0/0
  /// Reads "192.0.2.0/24", "2001:db8::/32", "[2001:db8::]/32", "[2001:db8::/32]", "[::1]", or an address
  /// alone. Host bits after the prefix must be zero. Fails with Fault::malformed, saying what to write
  /// instead. Pure.
  static Result<Network> parse(std::string_view text);
  bool contains(const Ip& ip) const;
  const Ip& base() const { return base_; }
  unsigned prefix() const { return prefix_; }
  /// "192.0.2.0/24"; an address alone for a whole one. Parses back to the same network.
  std::string text() const;
  auto operator<=>(const Network&) const = default;

 private:
  Ip base_;
  std::uint8_t prefix_ = 0;
};

}  // namespace hikyaku::table
