// Instead of sqlite_table.cc, in a build without SQLite (HIKYAKU_SQLITE=OFF).
#include <string>

#include "base/escape.h"
#include "io/sql_tables.h"

namespace hikyaku::io {

Result<std::shared_ptr<const table::Table>> open_sqlite_table(std::string_view spec, table::SourceSettings&,
                                                              table::Opener&) {
  return fail(Fault::permanent, "this hikyaku was built without SQLite: " + escaped(spec, 200) +
                                    " needs one with it (build profile nosqlite is not to be set)");
}

}  // namespace hikyaku::io
