#include "milter/endpoint.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "base/escape.h"

namespace hikyaku::milter {
namespace {

constexpr std::size_t kLongestPath = 107;  // sockaddr_un

bool is_port(std::string_view service) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(service.data(), service.data() + service.size(), port);
  return error == std::errc{} && end == service.data() + service.size() && port != 0;
}

bool is_service_name(std::string_view service) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  return std::ranges::any_of(service, letter) && std::ranges::all_of(service, [&](char c) {
           return letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '_';
         });
}

bool is_host(std::string_view host) {
  return !host.empty() && host.size() <= 255 && std::ranges::all_of(host, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == ':' || c == '%';
  });
}

std::unexpected<Error> wrong(std::string_view text, const std::string& why) {
  return fail(Fault::malformed, "'" + escaped(text, 200) + "' is no address of a milter: " + why +
                                    "; write inet:host:port or unix:path");
}

}  // namespace

Result<Endpoint> Endpoint::parse(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) return wrong(text, "it does not begin with inet: or unix:");
  const auto transport = text.substr(0, colon);
  const auto rest = text.substr(colon + 1);
  Endpoint endpoint;
  if (transport == "unix" || transport == "local") {
    if (rest.empty()) return wrong(text, "it has no path");
    if (rest.size() > kLongestPath)
      return wrong(text, "a socket's path has at most " + std::to_string(kLongestPath) + " octets");
    endpoint.path = rest;
    return endpoint;
  }
  if (transport != "inet") return wrong(text, "'" + escaped(transport, 50) + "' is neither inet nor unix");
  const auto last = rest.rfind(':');
  if (last == std::string_view::npos) return wrong(text, "it has no port");
  auto host = rest.substr(0, last);
  const auto service = rest.substr(last + 1);
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  if (bracketed) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return wrong(text, "an IPv6 address stands in brackets");
  }
  if (!is_host(host)) return wrong(text, "it has no host");
  if (!is_port(service) && !is_service_name(service))
    return wrong(text, "'" + escaped(service, 50) + "' is no port");
  endpoint.host = host;
  endpoint.service = service;
  return endpoint;
}

std::string Endpoint::text() const {
  if (local()) return "unix:" + path;
  const bool brackets = host.find(':') != std::string::npos;
  return "inet:" + (brackets ? "[" + host + "]" : host) + ":" + service;
}

}  // namespace hikyaku::milter
