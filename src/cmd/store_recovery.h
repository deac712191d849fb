#pragma once
#include <nlohmann/json_fwd.hpp>

#include "base/result.h"
#include "serve/database_mount.h"

namespace hikyaku::cmd {

/// What `hikyaku store` does with a whole database. Each prints what it found (with `as_json` as JSON
/// objects, one a line) and gives an exit code of sysexits.h.

/// {"database", "directory", "state", "octets", "damaged"}: what database_status() says, in short. Reads
/// only.
nlohmann::json database_summary(const serve::DatabasePlace& place);
/// State, signature, logs required, losses that nobody has acknowledged. Reads only.
int database_status(const serve::DatabasePlace& place, bool as_json);
/// Each log with what is wrong with it; EX_DATAERR when one is bad. Reads only.
int check_database_logs(const serve::DatabasePlace& place, bool as_json);
/// Every octet of the logs, tables and value files against their checksums, past each damage; and when all
/// are right, every cross reference of mailboxes that no hub has open. EX_DATAERR when something is wrong.
/// Reads only.
int verify_database(const serve::DatabasePlace& place, bool as_json);
/// Replays the logs and closes the database in order. A bad log: EX_DATAERR, and what mounting without it
/// would lose; with `force` it is set aside and all that is intact is kept. A hub that runs (`control` is the
/// path of its socket) then mounts the mailboxes by itself, or has them mounted already.
int mount_database(const serve::DatabasePlace& place, const std::string& control, bool force, bool as_json);
/// A running hub closes a mailbox database; mail for it waits.
int dismount_database(const serve::DatabasePlace& place, const std::string& control, bool as_json);
/// Losses of forced mounts are not shown by database_status() any more.
int acknowledge_loss(const serve::DatabasePlace& place, bool as_json);

/// Prints an error of a store command, and gives its exit code.
int tell_store_error(const Error& error);

}  // namespace hikyaku::cmd
