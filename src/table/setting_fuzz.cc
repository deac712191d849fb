#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "table/fold.h"
#include "table/ip.h"
#include "table/memory_tables.h"
#include "table/replacement.h"
#include "table/spec.h"

// Everything that is read out of a setting's text: inline:, networks, rules in braces, results with $1. What
// parses prints and parses back.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hikyaku::table;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  if (const auto made = make_inline("inline:" + std::string(input), input, {})) {
    (*made)->visit([&](const Row& row) {
      const auto answer = (*made)->find(row.key);
      if (!answer || !*answer || (*answer)->value != row.value) std::abort();
    });
  }
  if (const auto network = Network::parse(input)) {
    const auto again = Network::parse(network->text());
    if (!again || *again != *network || !network->contains(network->base())) std::abort();
  }
  if (const auto ip = Ip::parse(input)) {
    if (Ip::parse(ip->text()) != ip) std::abort();
  }
  std::string once, twice;
  if (append_folded(input, once) && (!append_folded(once, twice) || once != twice)) std::abort();
  static_cast<void>(Replacement::parse(input));
  static_cast<void>(inline_rules(input));
  for (const auto part : split_list(input)) {
    if (part.empty()) std::abort();
  }
  return 0;
}
