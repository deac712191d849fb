#include "route/next_hop.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "base/escape.h"
#include "base/hostname.h"
#include "table/fold.h"

namespace hikyaku::route {
namespace {

constexpr std::size_t kLongest = 1024;
constexpr std::size_t kMost = 100;

std::unexpected<Error> bad(std::string_view text, const std::string& why) {
  return fail(Fault::malformed, "next hop \"" + escaped(text, 200) + "\": " + why);
}

bool is_separator(char c) { return c == ',' || c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

bool strip_prefix(std::string_view& text, std::string_view prefix) {
  if (!table::equal_ascii_nocase(text.substr(0, prefix.size()), prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

}  // namespace

std::optional<std::uint16_t> parse_port(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, std::uint16_t>, 6> kServices{{{"smtp", 25},
                                                                                 {"submission", 587},
                                                                                 {"smtps", 465},
                                                                                 {"submissions", 465},
                                                                                 {"ssmtp", 465},
                                                                                 {"lmtp", 24}}};
  for (const auto& [name, port] : kServices) {
    if (table::equal_ascii_nocase(text, name)) return port;
  }
  std::uint16_t port = 0;
  const auto* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, port);
  if (error != std::errc() || stop != end || port == 0) return std::nullopt;
  return port;
}

Result<NextHop> NextHop::parse(std::string_view text, Protocol protocol) {
  if (text.size() > kLongest) return bad(text, "longer than 1024 octets");
  NextHop hop;
  auto rest = text;
  if (protocol == Protocol::lmtp && strip_prefix(rest, "unix:")) {
    if (rest.empty() || rest.find('\0') != std::string_view::npos) return bad(text, "unix: needs a path");
    if (std::any_of(rest.begin(), rest.end(), is_separator))
      return bad(text, "the path holds a blank or a comma");
    hop.kind_ = Kind::unix;
    hop.name_ = rest;
    return hop;
  }
  if (protocol == Protocol::lmtp) strip_prefix(rest, "inet:");
  std::string_view name, port;
  bool has_port = false;
  const bool bracketed = rest.starts_with('[');
  if (bracketed) {
    const auto close = rest.find(']');
    if (close == std::string_view::npos) return bad(text, "the ] is missing");
    name = rest.substr(1, close - 1);
    rest.remove_prefix(close + 1);
    has_port = !rest.empty();
    if (has_port && !rest.starts_with(':')) return bad(text, "only \":port\" may follow the ]");
    if (has_port) port = rest.substr(1);
  } else {
    const auto colon = rest.find(':');
    name = rest.substr(0, colon);
    has_port = colon != std::string_view::npos;
    if (has_port) port = rest.substr(colon + 1);
    if (port.find(':') != std::string_view::npos) {
      return bad(text,
                 "two colons; write [host]:port, an IPv6 address in brackets, and no transport before it");
    }
  }
  if (has_port) {
    hop.port_ = parse_port(port);
    if (!hop.port_) {
      return bad(text, "\"" + escaped(port, 40) +
                           "\" is no port; write a number, or smtp, submission, smtps or lmtp");
    }
  }
  hop.kind_ = bracketed || protocol == Protocol::lmtp ? Kind::host : Kind::domain;
  const bool tagged = strip_prefix(name, "ipv6:");
  hop.address_ = table::Ip::parse(name);
  if (hop.address_) {
    hop.kind_ = Kind::host;  // 192.0.2.1 without brackets has no mail exchangers
    hop.name_ = hop.address_->text();
    return hop;
  }
  if (tagged) return bad(text, "no IPv6 address");
  if (name.size() > 1 && name.ends_with('.')) name.remove_suffix(1);
  if (!is_hostname(name))
    return bad(text, "\"" + escaped(name, 100) + "\" is neither a host name nor an address");
  hop.name_ = name;
  return hop;
}

Result<std::vector<NextHop>> NextHop::parse_list(std::string_view text, Protocol protocol) {
  std::vector<NextHop> hops;
  while (!text.empty()) {
    const auto size =
        static_cast<std::size_t>(std::find_if(text.begin(), text.end(), is_separator) - text.begin());
    const auto word = text.substr(0, size);
    text.remove_prefix(std::min(size + 1, text.size()));
    if (word.empty()) continue;
    auto hop = parse(word, protocol);
    if (!hop) return std::unexpected(std::move(hop.error()));
    if (hops.size() == kMost) return bad(text, "more than 100 next hops");
    hops.push_back(std::move(*hop));
  }
  return hops;
}

std::string NextHop::text() const {
  if (kind_ == Kind::unix) return "unix:" + name_;
  std::string out;
  if (kind_ == Kind::host) out += '[';
  if (address_ && address_->family() == table::Ip::Family::v6) out += "ipv6:";
  out += name_;
  if (kind_ == Kind::host) out += ']';
  if (port_) out += ":" + std::to_string(*port_);
  return out;
}

}  // namespace hikyaku::route
