#include "cmd/store_work.h"

#include <sysexits.h>

#include "cmd/control_client.h"
#include "cmd/progress.h"
#include "cmd/store_places.h"
#include "cmd/store_recovery.h"

namespace hikyaku::cmd {

int do_in_store(const serve::Running& running, const std::string& name, const StoreWork& work) {
  using nlohmann::json;
  ProgressLine progress(work.what);
  const auto row = [&](const json& one) {
    if (one.contains("done"))
      return progress(one["done"].get<std::uint64_t>(), one["all"].get<std::uint64_t>());
    progress.clear();
    work.print(one);
  };
  auto request = work.request;
  request["database"] = name;
  const auto answered = ask_hub(serve::control_path(running.queue_directory), request, row);
  if (!answered) return tell_store_error(answered.error());
  if (*answered) return **answered;

  const auto offline = OfflineDatabases::open(running);
  if (!offline) return tell_store_error(offline.error());
  const auto database = (*offline)->databases.use(name);
  if (!database) return tell_store_error(database.error());
  const auto made = work.here(**database, std::ref(progress));
  if (!made) return tell_store_error(made.error());
  row(*made);
  return EX_OK;
}

}  // namespace hikyaku::cmd
