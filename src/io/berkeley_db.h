#pragma once
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hikyaku::io {

/// Shows every key and value of the Berkeley DB file `path` (hash or btree, versions that libdb 5.3 reads),
/// as postmap(1) writes them; the NUL that it puts at the end of both is taken off. The views are valid
/// during the call alone. Opens read-only, under the shared lock that Postfix's readers take; a writer that
/// keeps the file longer than 5 s, and a file that changes while it is read, are Fault::temporary, a file
/// that is no database Fault::corrupt. Blocking.
Result<void> read_berkeley_db(const std::string& path,
                              const std::function<void(std::string_view key, std::string_view value)>& row);

}  // namespace hikyaku::io
