#pragma once
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hikyaku::io {

/// Takes one key and value of a database file; the views are valid during the call alone.
using DatabaseRow = std::function<void(std::string_view key, std::string_view value)>;

/// Runs `read` on the file `path` under the shared locks that Postfix's readers take. A writer that keeps the
/// file longer than 5 s, and a file that is another one or was changed when `read` ends, are
/// Fault::temporary; one that is not there is Fault::not_found. Blocking.
Result<void> read_under_lock(const std::string& path, const std::function<Result<void>()>& read);

/// postmap(1) may put a NUL at the end of keys and values.
std::string_view without_nul(std::string_view text);

/// Shows every key and value of the LMDB file `path` ("NAME.lmdb"), as postmap(1) writes them, or of the cdb
/// file ("NAME.cdb"). Opened read-only. A file that is no such database is Fault::corrupt; otherwise as
/// read_under_lock(). Blocking.
Result<void> read_lmdb(const std::string& path, const DatabaseRow& row);
Result<void> read_cdb(const std::string& path, const DatabaseRow& row);

}  // namespace hikyaku::io
