#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/explanation.h"
#include "base/origin.h"
#include "base/result.h"

namespace hikyaku::table {

/// What a table answered: the right-hand side as written ($1 already put in for patterns), and the line it
/// stands on.
struct Found {
  std::string value;
  Origin origin;
};

/// Found, not there, or (Fault::temporary) "could not be asked", which is never the same as not there.
using Answer = Result<std::optional<Found>>;

/// A lookup table, "hash:/etc/postfix/canonical". Immutable from outside and thread-safe: a table whose file
/// changes shows the old contents or the new, never a mixture.
class Table {
 public:
  /// fixed: keys are compared, folded to lower case first. pattern (regexp, pcre, cidr): only whole
  /// addresses are looked up in it, no partial keys such as "@domain" or "user".
  enum class Kind : unsigned char { fixed, pattern };

  Table() = default;
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;
  virtual ~Table() = default;

  virtual Answer find(std::string_view key) const = 0;
  virtual Kind kind() const = 0;
  /// "hash:/etc/postfix/canonical", as it was written in main.cf.
  virtual const std::string& name() const = 0;
};

/// Opens tables by their "type:name"; the port between the configuration and the files.
class Opener {
 public:
  virtual ~Opener() = default;
  /// The same spec gives the same table within one Opener. Errors name `spec` and, for a bad line, file:line
  /// and column. `where` is the setting that names the table.
  virtual Result<std::shared_ptr<const Table>> open(std::string_view spec, Origin where) = 0;
};

}  // namespace hikyaku::table
