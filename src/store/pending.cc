#include "store/pending.h"

#include <algorithm>
#include <ranges>

namespace hikyaku::store {

Result<std::optional<std::string>> read_for_change(const Kv& kv, Kv::Batch& batch, Kv::Space space,
                                                   const std::string& key) {
  for (const auto& write : batch.writes | std::views::reverse) {
    if (write.space == space && write.key == key) return write.value;
  }
  auto stored = kv.get(space, key);
  if (stored) batch.preconditions.push_back({space, key, *stored});
  return stored;
}

}  // namespace hikyaku::store
