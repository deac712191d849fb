#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/explanation.h"
#include "base/origin.h"
#include "base/result.h"

namespace hikyaku::table {

/// One element of a list setting: its text, and the line that it stands on.
struct Element {
  std::string text;
  Origin origin;
  bool operator==(const Element&) const = default;
};

/// What is worth knowing about a table that loads.
struct Diagnostic {
  enum class Level : unsigned char {
    note,     ///< for information: the source is used, not the older .db
    warning,  ///< perhaps not as meant: a key that is already there, a rule that is never reached
    error,    ///< a line that is not in effect (malformed, refused): the table is used without it, as in
              ///< Postfix
  };
  Level level = Level::warning;
  Origin where;
  unsigned column = 0;  ///< from 1; 0 when the whole line is meant
  std::string text;
  std::string line;  ///< the line itself, cut at 200 octets
  bool operator==(const Diagnostic&) const = default;
};

/// What a table answered: the right-hand side as written ($1 already put in for patterns), and the line it
/// stands on.
struct Found {
  std::string value;
  Origin origin;
};

/// One entry, for those who look through a whole table.
struct Row {
  std::string_view key;    ///< folded; for patterns as written: "/^joe@/i", "!192.0.2.0/24"
  std::string_view value;  ///< as written, "$1" included
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
  /// A lookup may wait for somebody else, a server or a database: it belongs on a thread that may block.
  virtual bool asks_others() const { return false; }
  /// Known to have an answer whatever the key is, so that no table behind it is ever asked.
  virtual bool answers_every_key() const { return false; }
  /// Shows every entry, in the order of the file where there is one, for checks of a configuration. Tables
  /// without entries of their own (unionmap: and its like) show nothing.
  virtual void visit(const std::function<void(const Row&)>& row) const { (void)row; }
};

/// Opens tables by their "type:name"; the port between the configuration and the files.
class Opener {
 public:
  virtual ~Opener() = default;
  /// The same spec gives the same table within one Opener. Errors name `spec` and, for a bad line, file:line
  /// and column. `where` is the setting that names the table.
  virtual Result<std::shared_ptr<const Table>> open(std::string_view spec, Origin where) = 0;
  /// As open(), for tables whose results must not be taken from the key (transport_maps,
  /// sender_dependent_default_transport_maps, alias_maps, virtual_*_maps of the mailbox class): pattern rules
  /// whose result has $1 are skipped with a warning, as Postfix does.
  virtual Result<std::shared_ptr<const Table>> open_without_substitution(std::string_view spec,
                                                                         Origin where) {
    return open(spec, where);
  }
  /// The elements of the file `path`, which stands in a match list as "/file/name": split at white space and
  /// commas, comment lines left out, each with its own line. `where` is the setting that names the file.
  virtual Result<std::vector<Element>> list(std::string_view path, Origin where) {
    (void)where;
    return fail(Fault::not_found, "cannot read " + std::string(path) + ": no files here");
  }
};

}  // namespace hikyaku::table
