#include "probe/proxy_header.h"

#include <arpa/inet.h>

#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include "base/escape.h"

namespace hikyaku::probe {
namespace {

constexpr std::string_view kSignature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::size_t kPathSize = 108;

std::unexpected<Error> refuse(std::string text) { return fail(Fault::malformed, std::move(text)); }

using Names = std::array<std::pair<std::string_view, int>, 4>;
constexpr Names kFamilies{{{"AF_UNSPEC", 0}, {"AF_INET", 1}, {"AF_INET6", 2}, {"AF_UNIX", 3}}};
constexpr Names kProtocols{{{"UNSPEC", 0}, {"STREAM", 1}, {"DGRAM", 2}, {"", -1}}};
constexpr Names kCommands{{{"LOCAL", 0}, {"PROXY", 1}, {"", -1}, {"", -1}}};

std::optional<int> number_of(const Names& names, std::string_view name) {
  for (const auto& [text, number] : names) {
    if (text == name && number >= 0) return number;
  }
  return std::nullopt;
}

Result<std::string> port_octets(const std::string& option, const std::string& text) {
  unsigned port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port > 65535)
    return refuse(option + " needs a port, 0 to 65535, and not '" + escaped(text) + "'");
  return std::string{static_cast<char>(port >> 8), static_cast<char>(port & 255)};
}

Result<std::string> address_octets(const std::string& option, int family, const std::string& text) {
  std::string octets;
  if (family == 3) {
    if (text.size() > kPathSize) return refuse(option + ": a path has at most 108 octets");
    octets = text;
    octets.resize(kPathSize, '\0');
    return octets;
  }
  octets.resize(family == 1 ? 4 : 16);
  if (::inet_pton(family == 1 ? AF_INET : AF_INET6, text.c_str(), octets.data()) != 1)
    return refuse(option + " needs an address of " + (family == 1 ? "IPv4" : "IPv6") + ", and not '" +
                  escaped(text) + "'");
  return octets;
}

Result<std::string> address_block(const ProxyHeader& header, int family) {
  if (family == 0) return std::string();
  auto block = address_octets("--proxy-source", family, header.source);
  if (!block) return block;
  const auto destination = address_octets("--proxy-dest", family, header.destination);
  if (!destination) return destination;
  *block += *destination;
  if (family == 3) return block;
  for (const auto& [option, text] : {std::pair("--proxy-source-port", &header.source_port),
                                     std::pair("--proxy-dest-port", &header.destination_port)}) {
    const auto port = port_octets(option, *text);
    if (!port) return port;
    *block += *port;
  }
  return block;
}

Result<std::string> second_version(const ProxyHeader& header) {
  const auto family = number_of(kFamilies, header.family);
  if (!family) return refuse("unknown --proxy-family argument " + escaped(header.family) + " for version 2");
  const auto protocol = number_of(kProtocols, header.protocol);
  if (!protocol) return refuse("unknown --proxy-protocol argument " + escaped(header.protocol));
  const auto command = number_of(kCommands, header.command);
  if (!command) return refuse("unknown --proxy-command argument " + escaped(header.command));
  std::string out;
  out += static_cast<char>(0x20 | *command);
  if (*command == 0) return raw_proxy_header(2, out + std::string(3, '\0'));  // LOCAL says nothing more
  out += static_cast<char>(*family << 4 | *protocol);
  const auto block = address_block(header, *family);
  if (!block) return block;
  out += static_cast<char>(block->size() >> 8);
  out += static_cast<char>(block->size() & 255);
  return raw_proxy_header(2, out + *block);
}

}  // namespace

Result<std::string> proxy_header(const ProxyHeader& header) {
  if (header.version == 2) return second_version(header);
  if (header.family != "TCP4" && header.family != "TCP6")
    return refuse("unknown --proxy-family argument " + escaped(header.family) + " for version 1");
  return raw_proxy_header(1, header.family + ' ' + header.source + ' ' + header.destination + ' ' +
                                 header.source_port + ' ' + header.destination_port);
}

std::string raw_proxy_header(int version, std::string_view text) {
  if (version == 2) return std::string(kSignature) + std::string(text);
  return "PROXY " + std::string(text) + "\r\n";
}

}  // namespace hikyaku::probe
