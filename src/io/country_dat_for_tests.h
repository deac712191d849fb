#pragma once
#include <GeoIP.h>

#include <string>
#include <string_view>

#include "io/prefix_tree_for_tests.h"
#include "table/ip.h"

namespace hikyaku::io {

/// Writes small databases in the old .dat form.
class CountryDatForTests {
 public:
  /// Shorter prefixes first.
  void add(std::string_view network, const char* code) {
    const auto parsed = table::Network::parse(network).value();
    tree_.add(parsed.base().octets(), parsed.prefix(), static_cast<std::uint64_t>(GeoIP_id_by_code(code)));
  }
  /// `edition` as libGeoIP numbers them: 1 for IPv4, 12 for IPv6, 17 and 18 for large ones.
  std::string file(int edition, std::string_view description = "GEO-106FREE 20260704 Build") const {
    const std::uint64_t leaves = edition == 17 || edition == 18 ? 0xfc0000 : 0xffff00;
    std::string octets;
    for (const auto& node : tree_.nodes()) {
      for (const auto& record : node) {
        const bool is_node = record.kind == PrefixTreeForTests::Record::Kind::node;
        const std::uint64_t number = is_node ? record.value : leaves + record.value;
        for (int i = 0; i < 3; ++i) octets += static_cast<char>(number >> (8 * i));
      }
    }
    octets.append(3, '\0');
    octets += description;
    return octets + "\xff\xff\xff" + static_cast<char>(edition);
  }

 private:
  PrefixTreeForTests tree_;
};

}  // namespace hikyaku::io
