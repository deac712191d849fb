#include "base/kv.h"

#include <algorithm>

namespace hikyaku {

Result<std::vector<Kv::KeySize>> Kv::scan_sizes(Space space, std::string_view from, std::string_view to,
                                                std::size_t limit) const {
  constexpr std::size_t kValuesAtOnce = 64;  // they may be large
  std::vector<KeySize> sizes;
  for (std::string begin(from); sizes.size() < limit; begin = sizes.back().first + '\0') {
    const auto wanted = std::min(kValuesAtOnce, limit - sizes.size());
    const auto rows = scan(space, begin, to, wanted);
    if (!rows) return std::unexpected(rows.error());
    for (const auto& [key, value] : *rows) sizes.emplace_back(key, value.size());
    if (rows->size() < wanted) break;
  }
  return sizes;
}

std::string prefix_end(std::string_view prefix) {
  std::string end(prefix);
  while (!end.empty() && static_cast<unsigned char>(end.back()) == 0xff) end.pop_back();
  if (!end.empty()) end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
  return end;
}

}  // namespace hikyaku
