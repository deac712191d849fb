#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "table/ip.h"

namespace hikyaku::route {

/// One next hop as relayhost, transport tables and smtp_fallback_relay name it.
class NextHop {
 public:
  enum class Kind : unsigned char {
    domain,  ///< "example.com": its mail exchangers, or itself when it has none
    host,    ///< "[mail.example.com]", "[192.0.2.1]", "[ipv6:2001:db8::1]": this host, no MX lookup
    unix,    ///< "unix:/path"
  };
  /// lmtp: a name is always a host, and "inet:" and "unix:" may stand in front.
  enum class Protocol : unsigned char { smtp, lmtp };

  /// Reads one next hop: "name", "name:port", "[name]", "[name]:port", "[address]:port"; a port is a number
  /// or one of smtp, submission, smtps, submissions, ssmtp, lmtp. An IPv4 address needs no brackets. Fails
  /// with Fault::malformed, naming `text`. At most 1,024 octets. Pure.
  static Result<NextHop> parse(std::string_view text, Protocol protocol = Protocol::smtp);
  /// Several, separated by commas or white space, to be tried in order. At most 100.
  static Result<std::vector<NextHop>> parse_list(std::string_view text, Protocol protocol = Protocol::smtp);

  Kind kind() const { return kind_; }
  /// The domain or host name, or the address without brackets; of unix: the path.
  const std::string& name() const { return name_; }
  /// Set when the name is an address.
  const std::optional<table::Ip>& address() const { return address_; }
  /// Not set: smtp_tcp_port or lmtp_tcp_port.
  std::optional<std::uint16_t> port() const { return port_; }
  /// "[mail.example.com]:587", "unix:/run/lmtp": parses back to the same.
  std::string text() const;
  bool operator==(const NextHop&) const = default;

 private:
  Kind kind_ = Kind::domain;
  std::string name_;
  std::optional<table::Ip> address_;
  std::optional<std::uint16_t> port_;
};

/// A port number, or the name of a service of mail: smtp 25, submission 587, smtps, submissions and ssmtp
/// 465, lmtp 24. nullopt for others and for 0.
std::optional<std::uint16_t> parse_port(std::string_view text);

}  // namespace hikyaku::route
