#pragma once
#include <string>

#include "table/query_format.h"
#include "table/source_settings.h"

namespace hikyaku::io {

/// The `query` of an SQL table's settings, or the one that select_field, table, where_field and
/// additional_conditions make (the form of old files).
inline Result<table::QueryFormat> sql_query(table::SourceSettings& settings) {
  auto text = settings.text("query");
  if (text.empty()) {
    const auto field = settings.text("select_field");
    const auto from = settings.text("table");
    const auto where = settings.text("where_field");
    if (field.empty() || from.empty() || where.empty()) return fail(Fault::malformed, "there is no query");
    text = "SELECT " + field + " FROM " + from + " WHERE " + where + " = '%s' " +
           settings.text("additional_conditions");
  }
  auto query = table::QueryFormat::parse(text);
  if (!query) return fail(Fault::malformed, "query: " + query.error().text);
  return query;
}

}  // namespace hikyaku::io
