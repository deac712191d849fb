#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace hikyaku::io {

/// A table as the list of tables (RocksDB's MANIFEST) has it.
struct ListedTable {
  std::uint32_t family = 0;               ///< number of the column family
  std::uint64_t octets = 0;               ///< of the file
  std::string first, last;                ///< its keys
  std::optional<std::uint32_t> checksum;  ///< CRC-32C of the file, where one is kept
};

/// The tables of a database by the list of them, as far as it can be read.
struct ManifestContents {
  std::map<std::uint64_t, ListedTable> tables;        ///< by the number of the file
  std::set<std::uint64_t> removed;                    ///< once listed, not any more: older copies
  std::set<std::uint64_t> large_values;               ///< files of large values that were once listed
  std::map<std::uint32_t, std::string> families;      ///< names by number
  std::map<std::uint32_t, std::uint64_t> first_logs;  ///< by family: rows in logs before it are in tables
  bool whole = false;  ///< all of it could be read, but for an end that was never finished
};

/// Goes on past a damage: what is said behind it counts too. Pure; O(size), memory for all tables that were
/// ever listed in it.
ManifestContents read_manifest(std::string_view manifest);

}  // namespace hikyaku::io
