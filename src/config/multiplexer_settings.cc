#include "config/multiplexer_settings.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/escape.h"
#include "table/fold.h"
#include "table/ip.h"

namespace hikyaku::config {
namespace {

constexpr std::array<std::string_view, 4> kStatusWords{"accept", "temporary-failure", "reject", "discard"};
constexpr std::size_t kLongestPath = 107;  // of a unix socket's address, with its NUL

std::unexpected<Error> malformed(std::string_view text, const std::string& why) {
  return fail(Fault::malformed, "\"" + escaped(text, 200) + "\" is no socket: " + why +
                                    "; write unix:/PATH, inet:PORT@HOST or inet6:PORT@[ADDRESS]");
}

std::optional<std::uint16_t> port_of(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (problem != std::errc() || end != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

bool host_octet(char octet) {
  return (octet >= 'a' && octet <= 'z') || (octet >= 'A' && octet <= 'Z') || (octet >= '0' && octet <= '9') ||
         octet == '-' || octet == '.' || octet == '_';
}

}  // namespace

std::string_view text(FallbackStatus status) { return kStatusWords[static_cast<std::size_t>(status)]; }

std::optional<FallbackStatus> fallback_status(std::string_view word) {
  // As milter-manager takes it: in any case, and with either stroke.
  auto as_listed = table::ascii_lower(word);
  std::ranges::replace(as_listed, '_', '-');
  const auto found = std::ranges::find(kStatusWords, as_listed);
  if (found == kStatusWords.end()) return std::nullopt;
  return static_cast<FallbackStatus>(found - kStatusWords.begin());
}

Result<ConnectionSpec> ConnectionSpec::parse(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) return malformed(text, "it begins with no kind");
  const auto kind = text.substr(0, colon);
  auto rest = text.substr(colon + 1);
  if (rest.find('\0') != std::string_view::npos) return malformed(text, "it has a NUL");
  ConnectionSpec spec;
  if (kind == "unix" || kind == "local") {
    if (rest.empty()) return malformed(text, "its path is empty");
    if (rest.size() > kLongestPath) return malformed(text, "its path is longer than 107 octets");
    spec.family = Family::local;
    spec.path = rest;
    return spec;
  }
  if (kind != "inet" && kind != "inet6") return malformed(text, "\"" + escaped(kind, 50) + "\" is no kind");
  spec.family = kind == "inet" ? Family::inet : Family::inet6;

  // PORT, PORT@HOST, or Postfix's HOST:PORT.
  std::string_view port = rest, host;
  if (const auto at = rest.find('@'); at != std::string_view::npos) {
    port = rest.substr(0, at);
    host = rest.substr(at + 1);
    if (host.empty()) return malformed(text, "nothing stands behind the @");
  } else if (const auto last = rest.rfind(':'); last != std::string_view::npos) {
    host = rest.substr(0, last);
    port = rest.substr(last + 1);
    if (host.empty()) return malformed(text, "it has no host");
  }
  const auto number = port_of(port);
  if (!number) return malformed(text, "\"" + escaped(port, 50) + "\" is no port from 1 to 65535");
  spec.port = *number;
  if (host.starts_with('[')) {
    if (!host.ends_with(']')) return malformed(text, "a ] is missing");
    host = host.substr(1, host.size() - 2);
    const auto ip = table::Ip::parse(host);
    if (!ip) return malformed(text, "\"" + escaped(host, 100) + "\" is no address");
    if (ip->family() == table::Ip::Family::v6)
      spec.family = Family::inet6;
    else if (spec.family == Family::inet6)
      return malformed(text, "the address is not an IPv6 address");
    spec.host = ip->text();
    return spec;
  }
  if (host.size() > 255 || !std::ranges::all_of(host, host_octet))
    return malformed(text, "\"" + escaped(host, 100) + "\" is no host");
  if (spec.family == Family::inet6 && table::Ip::parse(host))
    return malformed(text, "the address is not an IPv6 address");
  spec.host = host;
  return spec;
}

std::string ConnectionSpec::text() const {
  if (family == Family::local) return "unix:" + path;
  std::string out = (family == Family::inet ? "inet:" : "inet6:") + std::to_string(port);
  if (host.empty()) return out;
  return out + (table::Ip::parse(host) ? "@[" + host + "]" : "@" + host);
}

std::vector<std::size_t> ChildSettings::uses() const {
  std::vector<std::size_t> numbers;
  for (const auto& condition : conditions) numbers.push_back(condition.number);
  return numbers;
}

MultiplexerSettings MultiplexerSettings::defaults() {
  MultiplexerSettings settings;
  settings.manager.connection = {ConnectionSpec{.host = "127.0.0.1", .port = 10025}, {}};
  settings.conditions = policy::ApplicableConditions(policy::builtin_conditions());
  return settings;
}

void check(const MultiplexerSettings& settings, Diagnostics& diagnostics) {
  if (settings.controller.connection && **settings.controller.connection == **settings.manager.connection)
    diagnostics.error(settings.controller.connection->origin,
                      "the controller listens where filters' sessions are taken, on " +
                          escaped((*settings.controller.connection)->text()) +
                          ": give it a socket of its own");
  for (const auto& child : settings.children) {
    if (*child.connection == ConnectionSpec{} && *child.enabled)
      diagnostics.error(child.origin,
                        "the filter \"" + escaped(child.name) +
                            "\" has no connection_spec: say where it is reached, or set enabled = false");
  }
  if (std::ranges::none_of(settings.children, [](const auto& child) { return *child.enabled; }))
    diagnostics.warning({}, "no filter is defined and enabled: every session gets " +
                                std::string(text(*settings.fallback_status)));
}

}  // namespace hikyaku::config
