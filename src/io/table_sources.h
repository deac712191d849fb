#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/kv_space.h"
#include "io/database_header.h"
#include "io/manifest_read.h"
#include "io/rebuild.h"

namespace hikyaku::io {

/// A table file whose rows count.
struct TableSource {
  std::filesystem::path file;
  std::uint64_t number = 0;
  unsigned space = 0;
};

/// Which files of a damaged database count.
struct TableSources {
  std::vector<TableSource> tables;
  /// By family; where it can be told, rows of logs before it are in tables already.
  std::map<std::uint32_t, std::uint64_t> first_logs;
  std::vector<FileFault> faults;
  std::vector<std::filesystem::path> left_out;
  bool list_lost = false;
};

/// By the list of tables where there is a whole one: what it does not name is an older copy. Else all tables
/// in the folder that no readable part of it removes. A table of another database is none of ours.
Result<TableSources> find_tables(const std::filesystem::path& database, const std::vector<KvSpace>& spaces,
                                 const DatabaseHeader& header, bool header_lost);

/// "000123.sst"
std::string table_name(std::uint64_t number);

}  // namespace hikyaku::io
