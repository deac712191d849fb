#pragma once
#include <string>
#include <utility>

#include "io/asked_table.h"

namespace hikyaku::io {

/// What SQL tables have in common: the query that a key makes. A derived table runs it. Thread-safe as far as
/// rows() is.
class SqlTable : public AskedTable {
 public:
  struct Settings {
    Common common;
    table::QueryFormat query;
  };
  /// Reads `query`, or the one that select_field, table, where_field and additional_conditions make (the form
  /// of old files), and AskedTable::common().
  static Result<Settings> settings(std::string_view spec, table::SourceSettings& settings,
                                   table::Opener& opener);

  explicit SqlTable(Settings settings)
      : AskedTable(std::move(settings.common)), query_(std::move(settings.query)) {}

 protected:
  Values ask(std::string_view key) const override;
  /// The first column of all rows that `query` gives, NULL left out.
  virtual Values rows(const std::string& query) const = 0;

 private:
  table::QueryFormat query_;
};

}  // namespace hikyaku::io
