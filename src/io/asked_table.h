#pragma once
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "table/match_list.h"
#include "table/query_format.h"
#include "table/source_settings.h"
#include "table/table.h"

namespace hikyaku::io {

/// What all tables with a settings file have in common: result_format, domain, expansion_limit, and how the
/// values of an answer become one result. A derived table asks its database. Thread-safe as far as ask() is.
class AskedTable : public table::Table {
 public:
  struct Common {
    std::string name;  ///< "pgsql:/etc/postfix/virtual.cf"
    table::QueryFormat result;
    table::StringMatchList domains;   ///< empty: all
    std::size_t expansion_limit = 0;  ///< values of one result; 0: no limit
    Origin origin;                    ///< of each answer
  };
  /// Reads them. `opener` is for a `domain` that names tables.
  static Result<Common> common(std::string_view spec, table::SourceSettings& settings, table::Opener& opener);

  explicit AskedTable(Common common) : common_(std::move(common)) {}

  /// The key is folded. Fault::temporary: no answer, or more values than expansion_limit.
  table::Answer find(std::string_view key) const override;
  Kind kind() const override { return Kind::fixed; }
  const std::string& name() const override { return common_.name; }
  bool asks_others() const override { return true; }

 protected:
  using Values = Result<std::vector<std::string>>;
  /// All values for a folded key; none: not found.
  virtual Values ask(std::string_view key) const = 0;

 private:
  Common common_;
};

/// "hash:" tables and their kind read a settings file named by `path`: its text as settings. Fault::not_found
/// when there is none.
Result<table::SourceSettings> read_source_settings(std::string_view path, SourceCatalogue& catalogue);

}  // namespace hikyaku::io
