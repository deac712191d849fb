#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "table/ip.h"

namespace hikyaku::greylist {

/// How many leading bits of a client's address count (subnetmatch, subnetmatch6).
struct MatchPrefixes {
  std::uint8_t v4 = 32;
  std::uint8_t v6 = 128;
  bool operator==(const MatchPrefixes&) const = default;
};

/// Who a tuple's mail comes from: the client's network, or a pool of senders that many addresses belong to
/// ("spf:example.org", "asn:64500"), together with the one address that was seen first.
///
/// Only text() is compared. milter-greylist keeps the whole address too and compares it under the mask, so a
/// changed subnetmatch counts for what was learnt before; that is why the address is kept here.
class ClientKey {
 public:
  static constexpr std::size_t kPoolLength = 255;  ///< octets of a pool's name

  static ClientKey of_address(const table::Ip& address, MatchPrefixes prefixes);
  /// Reads "192.0.2.1" or "2001:db8::1"; an IPv4-mapped one is the IPv4 address. Fails with Fault::malformed.
  static Result<ClientKey> of_address(std::string_view address, MatchPrefixes prefixes);
  /// Fails with Fault::malformed for a pool without a name, with one longer than kPoolLength, or with octets
  /// that are no graphic ASCII.
  static Result<ClientKey> of_pool(std::string_view pool, std::string_view address);

  /// "192.0.2.0/24", "192.0.2.1" for a whole address, or the pool.
  const std::string& text() const { return pool_.empty() ? network_ : pool_; }
  /// Empty for a network.
  const std::string& pool() const { return pool_; }
  /// "192.0.2.1", as inet_ntop(3) writes it: what the dump file and the peers are told.
  const std::string& address() const { return address_; }

 private:
  ClientKey() = default;
  std::string network_, pool_, address_;
};

}  // namespace hikyaku::greylist
