#include "milter/endpoint.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

#include "base/escape.h"

namespace hikyaku::milter {
namespace {

constexpr std::size_t kLongestPath = 107;            // sockaddr_un
constexpr std::string_view kThisHost = "localhost";  // where the host is left out, as in Postfix

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

/// With or without a zone behind a %.
bool is_ipv6(std::string_view host) {
  const std::string address(host.substr(0, host.find('%')));
  std::array<unsigned char, sizeof(in6_addr)> octets{};
  return inet_pton(AF_INET6, address.c_str(), octets.data()) == 1;
}

/// What brackets hold, with the mark that an IPv6 address has in mail's ("[IPv6:::1]"), or the text itself.
std::string_view host_of(std::string_view text) {
  if (!text.starts_with('[') || !text.ends_with(']') || text.size() < 2) return text;
  text = text.substr(1, text.size() - 2);
  constexpr std::string_view kMark = "ipv6:";
  const bool marked = std::ranges::equal(text.substr(0, kMark.size()), kMark, [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b;
  });
  if (marked && text.substr(kMark.size()).contains(':')) text.remove_prefix(kMark.size());
  return text;
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
  const bool alone = last == std::string_view::npos;
  if (alone && (rest.empty() || rest == kThisHost)) return wrong(text, "it has no port");
  if (rest.starts_with('[') && rest.ends_with(']')) return wrong(text, "it has no port");
  const auto service = alone ? rest : rest.substr(last + 1);
  const auto host = alone || last == 0 ? kThisHost : host_of(rest.substr(0, last));
  if (!is_host(host)) return wrong(text, "it has no host");
  if (host.contains(':') && !is_ipv6(host))
    return wrong(text, "'" + escaped(host, 100) + "' is no IPv6 address");
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
