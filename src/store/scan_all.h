#pragma once
#include <string>

#include "base/kv.h"

namespace hikyaku::store {

constexpr std::size_t kScanRows = 4096;  ///< of one read

/// Hands each row with from <= key < to (empty: the end of the space) to `each`, until one fails.
template <class Each>
Result<void> scan_all(const Kv& kv, Kv::Space space, std::string from, const std::string& to, Each each) {
  for (;;) {
    auto rows = kv.scan(space, from, to, kScanRows);
    if (!rows) return std::unexpected(rows.error());
    for (const auto& [key, value] : *rows) {
      if (auto result = each(key, value); !result) return result;
    }
    if (rows->size() < kScanRows) return {};
    from = rows->back().first + '\0';
  }
}

}  // namespace hikyaku::store
