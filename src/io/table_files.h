#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/origin.h"
#include "base/random.h"
#include "table/table.h"

namespace hikyaku::io {

/// Opens lookup tables that live in files, and keeps them fresh. Blocking; thread-safe.
///
/// hash:, btree: read the text source when it exists and is not older than NAME.db, or there is no NAME.db;
/// else the Berkeley DB file itself; lmdb: and cdb: the same with NAME.lmdb and NAME.cdb. texthash:, regexp:,
/// pcre:, cidr: read the text. users: reads the file that `hikyaku user` keeps (its keys are the names, never
/// more); it need not exist. inline:, static:, fail:, unionmap:, pipemap:, randmap: need no file of their
/// own, and unix: asks the system (unix_table.h). sqlite:, pgsql:, ldap: read their settings from a file and
/// then ask (sql_tables.h, ldap_table.h); socketmap: and tcp: ask a server (server_tables.h). These are asked
/// anew for each lookup, and each may wait. proxy: opens what it names. Any other type is an error that names
/// the types there are.
///
/// The file of a table that only a default names (`where` is built in) need not exist: the table is empty
/// until it does.
///
/// A lookup never waits for a reload: it takes the table's present contents, an immutable value, and a
/// reload puts a new one in its place.
class TableFiles : public table::Opener {
 public:
  /// `catalogue` gets the names of the files; it and `random` (for randmap:) must outlive the tables.
  TableFiles(SourceCatalogue& catalogue, Random& random);
  ~TableFiles() override;

  Result<std::shared_ptr<const table::Table>> open(std::string_view spec, Origin where) override;
  Result<std::shared_ptr<const table::Table>> open_without_substitution(std::string_view spec,
                                                                        Origin where) override;
  Result<std::vector<table::Element>> list(std::string_view path, Origin where) override;

  /// Tells that the text sources of these tables ("hash:/etc/aliases") have the form of aliases(5), whichever
  /// setting opens them. To be called before they are opened.
  void have_alias_form(const std::vector<std::string>& specs);

  /// Whether any of the tables opened so far asks others (table::Table::asks_others()).
  bool ask_others() const;

  /// What was remarked about the tables opened or refreshed so far: duplicate keys, skipped rules, which of
  /// source and .db is used when they differ in age. Each call takes what came since the last.
  std::vector<table::Diagnostic> take_diagnostics();

  /// Looks whether the tables' files changed (time of change, size, inode) and loads those that did. A file
  /// that can't be read or has an error leaves the old contents in use and gives a Diagnostic of
  /// Level::error, once for each change. Returns how many tables have new contents. To be called every few
  /// seconds by a thread that may block, never by a lookup.
  std::size_t refresh();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hikyaku::io
