#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/kv_space.h"
#include "base/result.h"
#include "io/log_check.h"
#include "io/rocks_kv.h"
#include "io/salvage.h"

namespace hikyaku::io {

/// Something in a database's files that is damaged, missing, or another database's.
struct FileFault {
  std::filesystem::path file;
  std::string space;         ///< whose rows; empty: of none, or not known
  std::string reason;        ///< with the offset, where there is one
  bool rows = false;         ///< rows may be lost by it: those that it held, and removals of others
  std::string after, until;  ///< they are behind the one key and not behind the other; empty: not known
  std::uint64_t values = 0;  ///< of a file of large values: how many are lost that a table refers to
};

struct Rebuilt {
  std::vector<FileFault> faults;
  /// Whole files that were not used, for they are older copies: not listed any more, or another database's.
  std::vector<std::filesystem::path> left_out;
  /// The list of tables is lost, so that older copies could not all be told from what counts.
  bool list_lost = false;
  std::uint64_t rows = 0;
};

/// Reads all that is left of the tables, large values and logs in `database`/db without the engine, which a
/// damage stops, and writes of each key what is newest into `into`, a new database of the same spaces.
/// Nothing in `database` is changed. `scratch`: a folder that is not there, for the rows of logs; it is gone
/// again afterwards. `log_row` and `gap` get what Salvage::read() gives, and may be empty. Memory: the index
/// of each table of a space, about a two-hundredth of what the tables have.
Result<Rebuilt> rebuild(const std::filesystem::path& database, const std::vector<KvSpace>& spaces,
                        Salvage& salvage, RocksKv& into, const std::filesystem::path& scratch,
                        const std::function<void(const SalvagedRow&)>& log_row,
                        const std::function<void()>& gap, const Progress& progress);

}  // namespace hikyaku::io
