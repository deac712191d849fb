#include "config/network_defaults.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "config/validate.h"

namespace hikyaku::config {
namespace {

bool is_loopback(std::string_view address) { return address.starts_with("127.") || address == "::1"; }

std::string host_network(std::string_view address) {
  if (address.contains(':')) return '[' + std::string(address) + "]/128";
  return std::string(address) + "/32";
}

std::string bracketed(std::string_view network) {
  const auto slash = network.rfind('/');
  if (!network.contains(':') || network.starts_with('[') || slash == std::string_view::npos)
    return std::string(network);
  return '[' + std::string(network.substr(0, slash)) + ']' + std::string(network.substr(slash));
}

/// The network that the address was in before there were prefix lengths (RFC 791 s. 2.3).
std::string class_network(std::string_view address) {
  int first = 0;
  std::from_chars(address.data(), address.data() + address.size(), first);
  const std::size_t octets = first < 128 ? 1 : (first < 192 ? 2 : (first < 224 ? 3 : 4));
  std::string network;
  for (std::size_t part = 0; part < 4; ++part) {
    const auto dot = std::min(address.find('.'), address.size());
    if (part > 0) network += '.';
    network += part < octets ? std::string(address.substr(0, dot)) : "0";
    address.remove_prefix(std::min(dot + 1, address.size()));
  }
  return network + '/' + std::to_string(octets * 8);
}

bool is_named(const Interface& interface, std::string_view inet_interfaces) {
  for (const auto& element : Main::split({std::string(inet_interfaces), {}})) {
    if (element.text == "all") return true;
    if (element.text == "loopback-only" && is_loopback(interface.address)) return true;
    if (element.text == interface.address || element.text == '[' + interface.address + ']') return true;
    if (element.text == "localhost" && is_loopback(interface.address)) return true;
  }
  return false;
}

}  // namespace

std::string default_networks(std::string_view style, std::string_view inet_interfaces,
                             std::span<const Interface> interfaces) {
  std::vector<std::string> networks;
  for (const auto& interface : interfaces) {
    if (!is_named(interface, inet_interfaces)) continue;
    std::string network;
    if (style == "host") {
      network = host_network(interface.address);
    } else if (style == "class" && !interface.address.contains(':')) {
      network = class_network(interface.address);
    } else {
      network = bracketed(interface.network);
    }
    if (std::ranges::find(networks, network) == networks.end()) networks.push_back(network);
  }
  std::string result;
  for (const auto& network : networks) result += (result.empty() ? "" : " ") + network;
  return result;
}

}  // namespace hikyaku::config
