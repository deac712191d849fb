#pragma once
#include <string>

#include "io/database_file.h"

namespace hikyaku::io {

/// Shows every key and value of the Berkeley DB file `path` (hash or btree, versions that libdb 5.3 reads),
/// as postmap(1) writes them; the NUL that it puts at the end of both is taken off. Opens read-only. A file
/// that is no database is Fault::corrupt; otherwise as read_under_lock(). Blocking.
Result<void> read_berkeley_db(const std::string& path, const DatabaseRow& row);

}  // namespace hikyaku::io
