#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/kv_space.h"
#include "base/result.h"
#include "io/log_check.h"

namespace hikyaku::io {

/// What was found in one of the files that hold a database's tables, or its large values.
struct TableReport {
  std::filesystem::path file;
  std::string space;  ///< "message"; empty for the engine's own
  std::uint64_t octets = 0;
  std::string reason;  ///< empty: it is whole
};

/// Reads every octet of the tables and value files that the database in `database`/db lists, and compares
/// with the checksum that was kept of each; a damaged table is named with the block that is wrong. Goes on
/// past each damage. Reads only, also beside a writer: a file that it has done away with meanwhile is left
/// out. Fails when the list itself can't be read. `progress` may be empty.
Result<std::vector<TableReport>> check_tables(const std::filesystem::path& database,
                                              const std::vector<KvSpace>& spaces, const Progress& progress);

/// The same of the files of bodies in a folder of a FileBlob.
Result<std::vector<TableReport>> check_bodies(const std::filesystem::path& blobs, const Progress& progress);

/// For when the engine does not open: names the tables in `database`/db that are damaged, or another
/// database's; a line each, with a line end before it.
std::string damaged_tables(const std::filesystem::path& database);

/// For when the engine can't read, and does not say in which file: names the tables whose last octets are
/// damaged; a line each, as above. Reads no more of each.
std::string damaged_table_ends(const std::filesystem::path& database);

}  // namespace hikyaku::io
