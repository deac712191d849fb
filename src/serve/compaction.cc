#include "serve/compaction.h"

#include <nlohmann/json.hpp>

namespace hikyaku::serve {
namespace {

std::uint64_t octets_of(const io::RocksKv& kv) {
  std::uint64_t sum = 0;
  for (const auto& file : kv.table_files()) sum += file.octets;
  return sum;
}

}  // namespace

Result<Compacted> compact(io::RocksKv& kv, const io::Progress& progress) {
  Compacted compacted{octets_of(kv), 0};
  if (auto done = kv.compact(progress); !done) return std::unexpected(done.error());
  compacted.after = octets_of(kv);
  return compacted;
}

nlohmann::json compacted_row(const Compacted& compacted) {
  return {{"octets_before", compacted.before}, {"octets_after", compacted.after}};
}

}  // namespace hikyaku::serve
