#include "io/sql_table.h"

namespace hikyaku::io {
namespace {

/// All that a text needs within '…' where a backslash is a character like others: in SQLite, and in
/// PostgreSQL with standard_conforming_strings and an encoding in which no character has a quote for its
/// second octet.
std::string quoted(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\'') out += c;
    out += c;
  }
  return out;
}

}  // namespace

Result<SqlTable::Settings> SqlTable::settings(std::string_view spec, table::SourceSettings& settings,
                                              table::Opener& opener) {
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
  auto common = AskedTable::common(spec, settings, opener);
  if (!common) return std::unexpected(std::move(common.error()));
  return Settings{std::move(*common), std::move(*query)};
}

AskedTable::Values SqlTable::ask(std::string_view key) const {
  if (key.find('\0') != std::string_view::npos) return std::vector<std::string>{};
  const auto query = query_.fill(key, key, quoted);
  if (!query) return std::vector<std::string>{};
  return rows(*query);
}

}  // namespace hikyaku::io
