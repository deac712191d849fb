#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"

namespace hikyaku::ese {

/// One table, as the database's own catalog has it. Names are UTF-8, and of the file: escape them.
struct Table {
  std::string name;
  int columns = 0, indexes = 0;
  std::vector<std::string> column_names;  ///< when asked for
};
enum class ColumnNames : std::uint8_t { without, with };

/// Reads the catalog of the database at `path` through libesedb, for reading only, and hands each table to
/// `found` in its order. Gives their number. Fails with Fault::corrupt and the library's words when the file
/// or its catalog is too damaged; what was found before has been told. Memory is bounded by the catalog. The
/// library's time grows with the square of the columns of a table: 20 s for the 65,000 that ESE allows, twice
/// that with their names; thousands of tables of the usual hundreds are read at once.
Result<int> read_catalog(const std::string& path, ColumnNames columns,
                         const std::function<void(const Table&)>& found);

}  // namespace hikyaku::ese
