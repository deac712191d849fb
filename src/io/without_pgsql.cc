// Instead of pgsql_table.cc, in a build without PostgreSQL (HIKYAKU_PGSQL=OFF).
#include <string>

#include "base/escape.h"
#include "io/sql_tables.h"

namespace hikyaku::io {

Result<std::shared_ptr<const table::Table>> open_pgsql_table(std::string_view spec, table::SourceSettings&,
                                                             table::Opener&) {
  return fail(Fault::permanent, "this hikyaku was built without PostgreSQL: " + escaped(spec, 200) +
                                    " needs one with it (build profile nopgsql is not to be set)");
}

}  // namespace hikyaku::io
