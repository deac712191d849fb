#include "cmd/store_work.h"

#include <sysexits.h>

#include <nlohmann/json.hpp>

#include "cmd/administer.h"
#include "cmd/control_client.h"
#include "cmd/progress.h"
#include "cmd/store_recovery.h"
#include "io/system_clock.h"

namespace hikyaku::cmd {

int do_in_store(const serve::Running& running, const StoreWork& work) {
  using nlohmann::json;
  ProgressLine progress(work.what);
  const auto row = [&](const json& one) {
    if (one.contains("done"))
      return progress(one["done"].get<std::uint64_t>(), one["all"].get<std::uint64_t>());
    progress.clear();
    work.print(one);
  };
  const auto answered = ask_hub(serve::control_path(running.queue_directory), work.request, row);
  if (!answered) return tell_store_error(answered.error());
  if (*answered) return **answered;

  std::vector<std::string> notes;
  const auto database = serve::StoreDatabase::open(running, io::SystemClock().now(), notes);
  tell_notes(notes);
  if (!database) return tell_store_error(database.error());
  const auto made = work.here(**database, std::ref(progress));
  (*database)->commits->stop();
  if (!made) return tell_store_error(made.error());
  row(*made);
  return EX_OK;
}

}  // namespace hikyaku::cmd
