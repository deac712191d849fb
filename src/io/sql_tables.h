#pragma once
#include <memory>
#include <string_view>

#include "table/source_settings.h"
#include "table/table.h"

namespace hikyaku::io {

/// sqlite:/file by sqlite_table(5): dbpath, query (or the old select_field, table, where_field and
/// additional_conditions), result_format, domain, expansion_limit. The database is opened read-only for each
/// lookup's connection; a lock that a writer holds longer than 5 s, and any other failure, is
/// Fault::temporary. Blocking; thread-safe.
Result<std::shared_ptr<const table::Table>> open_sqlite_table(std::string_view spec,
                                                              table::SourceSettings& settings,
                                                              table::Opener& opener);

/// pgsql:/file by pgsql_table(5): hosts, user, password, dbname, encoding, query and the rest as above.
/// The hosts are tried in an order that changes; a connection that fails is made anew once. No answer within
/// 30 s is Fault::temporary. Blocking; thread-safe.
Result<std::shared_ptr<const table::Table>> open_pgsql_table(std::string_view spec,
                                                             table::SourceSettings& settings,
                                                             table::Opener& opener);

}  // namespace hikyaku::io
