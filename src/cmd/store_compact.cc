#include "cmd/store_compact.h"

#include <fmt/format.h>
#include <sysexits.h>

#include <nlohmann/json.hpp>

#include "cmd/administer.h"
#include "cmd/control_client.h"
#include "cmd/progress.h"
#include "cmd/store_recovery.h"
#include "io/system_clock.h"
#include "serve/compaction.h"
#include "serve/databases.h"

namespace hikyaku::cmd {
namespace {

using nlohmann::json;

void print_compacted(const json& row, bool as_json) {
  if (as_json) return print_json(row);
  fmt::print("tables and large values: {} octets before, {} after\n",
             row["octets_before"].get<std::uint64_t>(), row["octets_after"].get<std::uint64_t>());
}

}  // namespace

int compact_database(const serve::Running& running, bool as_json) {
  ProgressLine progress("compacting");
  const json request{{"command", "store.compact"}};
  const auto answered = ask_hub(serve::control_path(running.queue_directory), request, [&](const json& row) {
    if (row.contains("done"))
      return progress(row["done"].get<std::uint64_t>(), row["all"].get<std::uint64_t>());
    progress.clear();
    print_compacted(row, as_json);
  });
  if (!answered) return tell_store_error(answered.error());
  if (*answered) return **answered;

  std::vector<std::string> notes;
  const auto database = serve::StoreDatabase::open(running, io::SystemClock().now(), notes);
  tell_notes(notes);
  if (!database) return tell_store_error(database.error());
  const auto made = serve::compact(*(*database)->kv, std::ref(progress));
  (*database)->commits->stop();
  if (!made) return tell_store_error(made.error());
  progress.clear();
  print_compacted(serve::compacted_row(*made), as_json);
  return EX_OK;
}

}  // namespace hikyaku::cmd
