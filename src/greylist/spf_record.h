#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "greylist/spf_status.h"
#include "table/ip.h"

namespace hikyaku::greylist {

/// A mechanism of a record (RFC 7208 s. 5). The views live as long as the record's text.
struct SpfMechanism {
  enum class Kind : unsigned char { all, include, a, mx, ptr, ip4, ip6, exists };
  Kind kind = Kind::all;
  SpfStatus result = SpfStatus::pass;  ///< what its qualifier says of a client that it matches
  std::string_view domain;             ///< its domain-spec; empty: the domain of the record
  table::Ip network;                   ///< of ip4 and ip6
  std::uint8_t prefix4 = 32;           ///< of a, mx and ip4
  std::uint8_t prefix6 = 128;          ///< of a, mx and ip6
  std::string_view text;               ///< the term as it is written
  std::size_t place = 0;               ///< octets of the record before it
  /// Must the DNS be asked for more (RFC 7208 s. 4.6.4)?
  bool asks() const { return kind != Kind::all && kind != Kind::ip4 && kind != Kind::ip6; }
};

/// redirect= or exp= (RFC 7208 s. 6).
struct SpfModifier {
  std::string_view domain;  ///< its domain-spec, not empty
  std::string_view text;
  std::size_t place = 0;
};

/// An SPF record (RFC 7208 s. 4.6.1, 12): its terms in order. Modifiers of other names are read and left out.
struct SpfRecord {
  static constexpr std::size_t kLongest =
      16'384;  ///< octets: far more than records have, since an answer should fit a datagram

  std::vector<SpfMechanism> mechanisms;
  std::optional<SpfModifier> redirect;
  std::optional<SpfModifier> explanation;

  /// Does the text of a TXT record say that it is an SPF record (RFC 7208 s. 4.5)?
  static bool has_version(std::string_view text);
  /// Reads a text that has the version. Any error anywhere in it fails with Fault::malformed (RFC 7208
  /// s. 4.6), naming the term and its place. Pure; O(size).
  static Result<SpfRecord> parse(std::string_view text);
};

}  // namespace hikyaku::greylist
