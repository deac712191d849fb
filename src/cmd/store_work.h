#pragma once
#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "base/result.h"
#include "io/log_check.h"
#include "serve/databases.h"

namespace hikyaku::cmd {

/// What takes long in the mailbox database, and may be done while it is in use.
struct StoreWork {
  std::string what;                                  ///< "backing up"
  nlohmann::json request;                            ///< for the hub, without the database's name
  std::function<void(const nlohmann::json&)> print;  ///< its row
  /// The same without a hub; gives the row.
  std::function<Result<nlohmann::json>(serve::StoreDatabase&, const io::Progress&)> here;
};
/// Has it done by the hub that runs, else does it in the database `name` itself; shows how far it has come.
/// Errors are printed. Gives the exit code.
int do_in_store(const serve::Running& running, const std::string& name, const StoreWork& work);

}  // namespace hikyaku::cmd
