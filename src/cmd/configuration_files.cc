#include "cmd/configuration_files.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <utility>

namespace hikyaku::cmd {
namespace {

Result<std::string> read_file(const std::string& name) {
  std::ifstream file(name, std::ios::binary);
  if (!file) {
    const int error = errno;
    return fail(error == ENOENT ? Fault::not_found : Fault::permanent,
                "can't read " + name + ": " + std::strerror(error) +
                    "; -c names the folder of main.cf and master.cf");
  }
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (file.bad()) return fail(Fault::permanent, "can't read " + name + " to its end");
  return text;
}

/// An address of `size` octets and the mask of its network, as text.
config::Interface describe(int family, const void* address, const void* mask, std::size_t size) {
  std::array<unsigned char, 16> network{};
  std::array<unsigned char, 16> mask_octets{};
  std::memcpy(network.data(), address, size);
  std::memcpy(mask_octets.data(), mask, size);
  int bits = 0;
  for (std::size_t at = 0; at < size; ++at) {
    network[at] &= mask_octets[at];
    bits += std::popcount(mask_octets[at]);
  }
  std::array<char, INET6_ADDRSTRLEN> text{};
  config::Interface result;
  result.address = inet_ntop(family, address, text.data(), text.size());
  result.network = inet_ntop(family, network.data(), text.data(), text.size());
  result.network += '/' + std::to_string(bits);
  return result;
}

std::optional<config::Interface> describe(const ifaddrs& entry) {
  if (entry.ifa_addr == nullptr || entry.ifa_netmask == nullptr || (entry.ifa_flags & IFF_UP) == 0)
    return std::nullopt;
  if (entry.ifa_addr->sa_family == AF_INET) {
    sockaddr_in address{};
    sockaddr_in mask{};
    std::memcpy(&address, entry.ifa_addr, sizeof address);
    std::memcpy(&mask, entry.ifa_netmask, sizeof mask);
    return describe(AF_INET, &address.sin_addr, &mask.sin_addr, sizeof address.sin_addr);
  }
  if (entry.ifa_addr->sa_family == AF_INET6) {
    sockaddr_in6 address{};
    sockaddr_in6 mask{};
    std::memcpy(&address, entry.ifa_addr, sizeof address);
    std::memcpy(&mask, entry.ifa_netmask, sizeof mask);
    return describe(AF_INET6, &address.sin6_addr, &mask.sin6_addr, sizeof address.sin6_addr);
  }
  return std::nullopt;
}

}  // namespace

Result<config::FileTexts> read_configuration(const std::string& directory) {
  config::FileTexts texts{.main_name = directory + "/main.cf", .master_name = directory + "/master.cf"};
  auto main = read_file(texts.main_name);
  if (!main) return std::unexpected(main.error());
  auto master = read_file(texts.master_name);
  if (!master) return std::unexpected(master.error());
  texts.main_text = std::move(*main);
  texts.master_text = std::move(*master);
  return texts;
}

Result<std::string> read_main(const std::string& directory) { return read_file(directory + "/main.cf"); }

config::System system_facts(std::string config_directory) {
  config::System system{.config_directory = std::move(config_directory)};
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) == 0 && name[0] != '\0') system.hostname = name.data();
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return system;
  for (const auto* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if (auto interface = describe(*entry)) system.interfaces.push_back(std::move(*interface));
  }
  freeifaddrs(list);
  return system;
}

}  // namespace hikyaku::cmd
