#include "cmd/store_compact.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cmd/administer.h"
#include "cmd/store_work.h"
#include "serve/compaction.h"

namespace hikyaku::cmd {

using nlohmann::json;

int compact_database(const serve::Running& running, const std::string& name, bool as_json) {
  const json request{{"command", "store.compact"}};
  const auto print = [&](const json& row) {
    if (as_json) return print_json(row);
    fmt::print("tables and large values: {} octets before, {} after\n",
               row["octets_before"].get<std::uint64_t>(), row["octets_after"].get<std::uint64_t>());
  };
  const auto here = [](serve::StoreDatabase& database, const io::Progress& progress) -> Result<json> {
    const auto made = serve::compact(*database.kv, progress);
    if (!made) return std::unexpected(made.error());
    return serve::compacted_row(*made);
  };
  return do_in_store(running, name, {"compacting", request, print, here});
}

}  // namespace hikyaku::cmd
