#include "io/interfaces.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <memory>

namespace hikyaku::io {
namespace {

InterfaceAddress describe(int family, const void* address, const void* mask, std::size_t size) {
  std::array<unsigned char, 16> network{};
  std::array<unsigned char, 16> bits{};
  std::memcpy(network.data(), address, size);
  std::memcpy(bits.data(), mask, size);
  int prefix = 0;
  for (std::size_t i = 0; i < size; ++i) {
    network[i] &= bits[i];
    prefix += std::popcount(bits[i]);
  }
  std::array<char, INET6_ADDRSTRLEN> text{};
  InterfaceAddress result;
  result.address = inet_ntop(family, address, text.data(), text.size());
  result.network = inet_ntop(family, network.data(), text.data(), text.size());
  result.network += "/" + std::to_string(prefix);
  return result;
}

}  // namespace

Result<std::vector<InterfaceAddress>> interface_addresses() {
  ifaddrs* raw = nullptr;
  if (::getifaddrs(&raw) != 0) {
    return fail(Fault::temporary, std::string("can't list the network interfaces: ") + std::strerror(errno));
  }
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> list(raw, ::freeifaddrs);
  std::vector<InterfaceAddress> found;
  for (const auto* one = list.get(); one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr == nullptr || one->ifa_netmask == nullptr || (one->ifa_flags & IFF_UP) == 0) continue;
    InterfaceAddress address;
    if (one->ifa_addr->sa_family == AF_INET) {
      sockaddr_in host{}, mask{};
      std::memcpy(&host, one->ifa_addr, sizeof host);
      std::memcpy(&mask, one->ifa_netmask, sizeof mask);
      address = describe(AF_INET, &host.sin_addr, &mask.sin_addr, sizeof host.sin_addr);
    } else if (one->ifa_addr->sa_family == AF_INET6) {
      sockaddr_in6 host{}, mask{};
      std::memcpy(&host, one->ifa_addr, sizeof host);
      std::memcpy(&mask, one->ifa_netmask, sizeof mask);
      address = describe(AF_INET6, &host.sin6_addr, &mask.sin6_addr, sizeof host.sin6_addr);
    } else {
      continue;
    }
    if (std::ranges::find(found, address) == found.end()) found.push_back(std::move(address));
  }
  return found;
}

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0') return "localhost";
  return name.data();
}

}  // namespace hikyaku::io
