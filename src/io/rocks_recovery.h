#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "io/database_header.h"

namespace hikyaku::io {

/// "DATABASE/quarantine/TIME": where what is taken away at `now` is kept.
std::filesystem::path quarantine_folder(const std::filesystem::path& database, Time now);

/// Before the engine may open `database`/db: verifies the list of tables and the logs that `header` lists. A
/// torn end of the last log, and of the list, is copied to `database`/quarantine/TIME/ and cut, when `write`;
/// `notes` say so. Any other damage is refused with Fault::corrupt and the list of the bad ones, and nothing
/// is changed.
Result<void> make_logs_ready(const std::filesystem::path& database, const HeaderFile& header, Time now,
                             bool write, std::vector<std::string>& notes);

}  // namespace hikyaku::io
