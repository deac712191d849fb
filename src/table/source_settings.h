#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/origin.h"
#include "base/result.h"
#include "table/table.h"

namespace hikyaku::table {

/// The file that tells a table how to ask a server or a database: "name = value" lines with continuation and
/// comments as in main.cf, without $name (ldap_table(5), pgsql_table(5), sqlite_table(5)).
class SourceSettings {
 public:
  /// `file` is the number of the file for origins. Fails with Fault::malformed and line and column on a line
  /// without '='. Of a name that comes twice the last counts. Pure.
  static Result<SourceSettings> parse(std::string_view text, std::uint32_t file,
                                      const SourceCatalogue& sources);

  /// The value, or `otherwise` when the name is not set. Each name asked for is a known one.
  std::string text(std::string_view name, std::string_view otherwise = {});
  /// Fails with Fault::malformed and the line when the value is no number from `least` on.
  Result<std::int64_t> number(std::string_view name, std::int64_t otherwise, std::int64_t least);
  Result<bool> yes_or_no(std::string_view name, bool otherwise);
  /// Split at white space and commas.
  std::vector<std::string> list(std::string_view name);
  bool has(std::string_view name) const;
  /// The line of a name; of the file when it is not set.
  Origin origin(std::string_view name) const;

  /// Adds a warning at the line of `name`.
  void remark(std::string_view name, std::string text);
  /// All remarks, and a warning for each name that nothing asked for.
  std::vector<Diagnostic> take_diagnostics();

 private:
  struct Setting {
    std::string name, value;
    Origin origin;
    bool asked = false;
  };
  Setting* find(std::string_view name);
  std::unexpected<Error> bad(const Setting& setting, std::string_view wanted) const;

  std::uint32_t file_ = 0;
  std::string file_name_;
  std::vector<Setting> settings_;
  std::vector<Diagnostic> remarks_;
};

}  // namespace hikyaku::table
