#pragma once
#include <cstdint>
#include <nlohmann/json_fwd.hpp>

#include "base/result.h"
#include "io/log_check.h"
#include "io/rocks_kv.h"

namespace hikyaku::serve {

/// How many octets tables and large values take on the disk.
struct Compacted {
  std::uint64_t before = 0, after = 0;
};
/// Gives back the room of what was expunged, moved or replaced. The database may be in use. Blocks.
Result<Compacted> compact(io::RocksKv& kv, const io::Progress& progress);
/// As commands print it with --json.
nlohmann::json compacted_row(const Compacted& compacted);

}  // namespace hikyaku::serve
