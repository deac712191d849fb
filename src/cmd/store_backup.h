#pragma once
#include <string>

#include "serve/database_mount.h"
#include "serve/running.h"

namespace hikyaku::cmd {

/// `hikyaku store backup|backups|restore`. All give the exit code; folders are as they were typed.

/// By the hub that runs, else from the database itself.
int back_up_database(const serve::Running& running, const std::string& name, const std::string& folder,
                     bool full, bool as_json);
/// Lists the backups in a folder; `verify`: reads them to the last octet. EX_DATAERR: one is damaged.
int show_backups(const std::string& folder, bool verify, bool as_json);
/// `at`: a moment for parse_iso_time(); empty: as far as the logs reach.
int restore_database(const serve::DatabasePlace& place, const std::string& folder, const std::string& at,
                     bool as_json);

}  // namespace hikyaku::cmd
