#include "table/ip.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/escape.h"

namespace hikyaku::table {
namespace {

constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

Result<Network> bad(std::string_view text, const std::string& why) {
  return fail(Fault::malformed, "\"" + escaped(text, 100) + "\" is no network: " + why);
}

}  // namespace

std::optional<Ip> Ip::parse_unmapped(std::string_view text) {
  std::array<char, INET6_ADDRSTRLEN> terminated{};
  if (text.size() >= terminated.size() || text.find('\0') != std::string_view::npos) return std::nullopt;
  std::memcpy(terminated.data(), text.data(), text.size());
  Ip ip;
  ip.family_ = text.find(':') == std::string_view::npos ? Family::v4 : Family::v6;
  const int family = ip.family_ == Family::v4 ? AF_INET : AF_INET6;
  if (inet_pton(family, terminated.data(), ip.octets_.data()) != 1) return std::nullopt;
  return ip;
}

std::optional<Ip> Ip::parse(std::string_view text) {
  auto ip = parse_unmapped(text);
  if (ip && ip->family_ == Family::v6 && std::equal(kMapped.begin(), kMapped.end(), ip->octets_.begin())) {
    return v4({ip->octets_[12], ip->octets_[13], ip->octets_[14], ip->octets_[15]});
  }
  return ip;
}

Ip Ip::v4(std::array<std::uint8_t, 4> octets) {
  Ip ip;
  std::copy(octets.begin(), octets.end(), ip.octets_.begin());
  return ip;
}

Ip Ip::v6(const std::array<std::uint8_t, 16>& octets) {
  Ip ip;
  ip.family_ = Family::v6;
  ip.octets_ = octets;
  return ip;
}

Ip Ip::masked(unsigned prefix) const {
  Ip ip = *this;
  for (unsigned i = 0; i < octets_.size(); ++i) {
    const unsigned kept = std::min(8U, prefix > i * 8 ? prefix - i * 8 : 0U);
    ip.octets_[i] = static_cast<std::uint8_t>(octets_[i] & (0xff00U >> kept));
  }
  return ip;
}

std::string Ip::reversed() const {
  std::string out;
  constexpr std::string_view kHex = "0123456789abcdef";
  if (family_ == Family::v4) {
    for (std::size_t i = 4; i > 0; --i) out += std::to_string(octets_[i - 1]) + ".";
    return out;
  }
  for (std::size_t i = 16; i > 0; --i) {
    out += kHex[octets_[i - 1] & 15U];
    out += '.';
    out += kHex[octets_[i - 1] >> 4U];
    out += '.';
  }
  return out;
}

std::string Ip::text() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(family_ == Family::v4 ? AF_INET : AF_INET6, octets_.data(), text.data(), text.size());
  return text.data();
}

Result<Network> Network::parse(std::string_view text) {
  std::string_view address = text;
  std::string_view mask;
  bool has_mask = false;
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == std::string_view::npos) return bad(text, "the ']' is missing");
    const auto rest = text.substr(close + 1);
    if (!rest.empty() && !rest.starts_with('/')) return bad(text, "only /prefix may follow the ']'");
    address = text.substr(1, close - 1);
    if (!rest.empty()) {
      has_mask = true;
      mask = rest.substr(1);
    }
  }
  if (!has_mask && address.find('/') != std::string_view::npos) {
    has_mask = true;
    mask = address.substr(address.find('/') + 1);
    address = address.substr(0, address.find('/'));
  }
  const auto base = Ip::parse_unmapped(address);
  if (!base) return bad(text, "\"" + escaped(address, 50) + "\" is neither an IPv4 nor an IPv6 address");
  Network network;
  network.base_ = *base;
  unsigned prefix = base->bits();
  if (has_mask) {
    const auto [end, error] = std::from_chars(mask.data(), mask.data() + mask.size(), prefix);
    if (error != std::errc() || end != mask.data() + mask.size() || prefix > base->bits()) {
      return bad(text, "the prefix must be a number from 0 to " + std::to_string(base->bits()));
    }
  }
  network.prefix_ = static_cast<std::uint8_t>(prefix);
  if (base->masked(prefix) != *base) {
    return bad(text, "bits after the prefix are not zero; write " + base->masked(prefix).text() + "/" +
                         std::to_string(prefix));
  }
  return network;
}

bool Network::contains(const Ip& ip) const {
  if (ip.family() != base_.family()) return false;
  const unsigned whole = prefix_ / 8;
  if (std::memcmp(ip.octets().data(), base_.octets().data(), whole) != 0) return false;
  if (prefix_ % 8 == 0) return true;
  const auto mask = static_cast<std::uint8_t>(0xff00U >> (prefix_ % 8));
  return (ip.octets()[whole] & mask) == base_.octets()[whole];
}

std::string Network::text() const {
  if (prefix_ == base_.bits()) return base_.text();
  return base_.text() + "/" + std::to_string(prefix_);
}

}  // namespace hikyaku::table
