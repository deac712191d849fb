#include "io/table_files.h"

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <utility>

#include "base/escape.h"
#include "io/asked_table.h"
#include "io/berkeley_db.h"
#include "io/ldap_table.h"
#include "io/read_mostly.h"
#include "io/server_tables.h"
#include "io/sql_tables.h"
#include "io/stable_file.h"
#include "io/unix_table.h"
#include "table/cidr_contents.h"
#include "table/contents.h"
#include "table/fixed_contents.h"
#include "table/fold.h"
#include "table/logical_lines.h"
#include "table/memory_tables.h"
#include "table/pattern_contents.h"
#include "table/spec.h"

namespace hikyaku::io {
namespace {

using table::Contents;
using table::Diagnostic;
using table::FixedContents;
using table::Loaded;
using table::Substitution;

constexpr std::time_t kHotSeconds = 1;

enum class Type : unsigned char { hash, lmdb, cdb, texthash, regexp, pcre, cidr, users };

struct FileType {
  std::string_view name;
  Type type;
};
constexpr std::array kFileTypes{
    FileType{"hash", Type::hash}, FileType{"btree", Type::hash},        FileType{"lmdb", Type::lmdb},
    FileType{"cdb", Type::cdb},   FileType{"texthash", Type::texthash}, FileType{"regexp", Type::regexp},
    FileType{"pcre", Type::pcre}, FileType{"cidr", Type::cidr},         FileType{"users", Type::users}};
constexpr std::string_view kAllTypes =
    "hash btree lmdb cdb texthash regexp pcre cidr inline static unionmap pipemap randmap fail unix users "
    "sqlite pgsql ldap socketmap tcp proxy";
constexpr std::array<std::string_view, 6> kOtherTypes{"mysql", "memcache", "nis", "dbm", "sdbm", "environ"};

/// The database that postmap(1) makes beside the text of such a table.
struct DatabaseType {
  std::string_view suffix;  ///< empty: there is none
  Result<void> (*read)(const std::string& path, const DatabaseRow& row);
};
DatabaseType database_of(Type type) {
  switch (type) {
    case Type::hash:
      return {".db", read_berkeley_db};
    case Type::lmdb:
      return {".lmdb", read_lmdb};
    case Type::cdb:
      return {".cdb", read_cdb};
    case Type::texthash:
    case Type::regexp:
    case Type::pcre:
    case Type::cidr:
    case Type::users:
      break;
  }
  return {{}, nullptr};
}
bool has_database(Type type) { return !database_of(type).suffix.empty(); }

/// What postalias(1) and newaliases(1) write for others: no aliases.
bool is_alias_mark(std::string_view key) { return key == "@" || key.starts_with("YP_"); }

bool is_pattern(Type type) { return type == Type::regexp || type == Type::pcre || type == Type::cidr; }

/// The names of a users' file: the hashes stay where they are.
Loaded load_users(std::string_view text, std::uint32_t file) {
  auto contents = std::make_shared<FixedContents>(file);
  unsigned number = 0;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    const auto name = line.substr(0, line.find('\t'));
    if (!name.empty() && name.front() != '#') static_cast<void>(contents->add(name, "user", number));
  }
  return {std::move(contents), {}};
}

Loaded load_text(Type type, bool alias_form, std::string_view text, std::uint32_t file,
                 Substitution substitution) {
  switch (type) {
    case Type::regexp:
      return table::load_regexp(text, file, substitution);
    case Type::pcre:
      return table::load_pcre(text, file, substitution);
    case Type::cidr:
      return table::load_cidr(text, file);
    case Type::users:
      return load_users(text, file);
    case Type::hash:
    case Type::lmdb:
    case Type::cdb:
    case Type::texthash:
      break;
  }
  return alias_form ? table::load_aliases(text, file) : table::load_fixed(text, file);
}

/// The states of the files that a table was read from.
struct Stamps {
  FileStamp text, db;
  bool operator==(const Stamps&) const = default;
};

struct FilesRead {
  Stamps stamps;
  std::size_t fingerprint = 0;  ///< of what they hold
};

/// What a lookup in a table that never loaded answers.
class NoContents final : public Contents {
 public:
  NoContents(table::Table::Kind kind, std::string why) : kind_(kind), why_(std::move(why)) {}
  table::Answer find(std::string_view) const override { return fail(Fault::temporary, why_); }
  table::Table::Kind kind() const override { return kind_; }
  void visit(const std::function<void(const table::Row&)>&) const override {}

 private:
  table::Table::Kind kind_;
  std::string why_;
};

/// Reads one table's files.
class FileLoader {
 public:
  FileLoader(SourceCatalogue& catalogue, Type type, bool alias_form, std::string path,
             Substitution substitution, bool may_be_missing)
      : catalogue_(catalogue),
        type_(type),
        alias_form_(alias_form),
        path_(std::move(path)),
        substitution_(substitution),
        may_be_missing_(may_be_missing || type == Type::users) {}

  const std::string& path() const { return path_; }
  Type type() const { return type_; }
  Origin origin() const { return {catalogue_.add(path_), 0}; }
  Stamps stamps() const { return {stamp_of(path_), has_database(type_) ? stamp_of(db_path()) : FileStamp{}}; }

  /// Sets `read` to what was read. A texthash: table with a key that comes twice is Fault::malformed.
  Result<Loaded> load(FilesRead& read) const {
    read.stamps = stamps();
    const FileStamp& text = read.stamps.text;
    const FileStamp& db = read.stamps.db;
    if (!text.exists && !db.exists && may_be_missing_)
      return Loaded{std::make_shared<FixedContents>(catalogue_.add(path_)), {}};
    if (!has_database(type_) || !db.exists) return load_source(read);
    if (!text.exists) return load_database(read);
    if (text.newer_than(db)) {
      auto loaded = load_source(read);
      if (loaded) {
        remark(*loaded, Diagnostic::Level::note,
               "the source is newer than " + db_path() + ": the source is used; postmap is not needed");
      }
      return loaded;
    }
    return load_both(read);
  }

 private:
  std::string db_path() const { return path_ + std::string(database_of(type_).suffix); }

  void remark(Loaded& loaded, Diagnostic::Level level, std::string text) const {
    loaded.diagnostics.push_back({level, origin(), 0, std::move(text), {}});
  }

  Result<Loaded> load_source(FilesRead& files) const {
    auto file = read_stable_file(path_);
    if (!file) return std::unexpected(file.error());
    files.stamps.text = file->stamp;
    files.fingerprint = std::hash<std::string_view>()(file->text);
    Loaded loaded = load_text(type_, alias_form_, file->text, catalogue_.add(path_), substitution_);
    if (type_ == Type::texthash && static_cast<const FixedContents&>(*loaded.contents).duplicates() > 0) {
      return fail(Fault::malformed, duplicate_text(loaded));
    }
    return loaded;
  }

  std::string duplicate_text(const Loaded& loaded) const {
    for (const auto& diagnostic : loaded.diagnostics) {
      if (diagnostic.text.starts_with("duplicate")) {
        return catalogue_.text(diagnostic.where) + ": " + diagnostic.text +
               "; a texthash: table with a duplicate is not used at all";
      }
    }
    return path_ + ": a key comes twice";
  }

  static void add_fingerprint(FilesRead& files, std::string_view key, std::string_view value) {
    const std::hash<std::string_view> hash;
    files.fingerprint = (files.fingerprint * 31 + hash(key)) * 31 + hash(value);
  }

  Result<Loaded> load_database(FilesRead& files) const {
    auto contents = std::make_shared<FixedContents>(catalogue_.add(db_path()));
    auto read = database_of(type_).read(db_path(), [&](std::string_view key, std::string_view value) {
      if (alias_form_ && is_alias_mark(key)) return;
      static_cast<void>(contents->add(key, value, 0));
      add_fingerprint(files, key, value);
    });
    if (!read) return std::unexpected(read.error());
    return Loaded{std::move(contents), {}};
  }

  /// The database is the newer one, and so the truth; but only the source knows lines. Normally both say the
  /// same, and then the source's contents are used.
  Result<Loaded> load_both(FilesRead& files) const {
    auto source = load_source(files);
    if (!source) return load_database(files);
    const auto& written = static_cast<const FixedContents&>(*source->contents);
    auto built = std::make_shared<FixedContents>(catalogue_.add(path_));
    std::size_t different = 0;
    std::string example;
    const auto read = database_of(type_).read(db_path(), [&](std::string_view key, std::string_view value) {
      if (alias_form_ && is_alias_mark(key)) return;
      table::Row row;
      const table::FoldedKey folded(key);
      const bool same = folded.valid() && written.row_of(folded.view(), row) && row.value == value;
      if (!same && different++ == 0) example = key;
      static_cast<void>(built->add(key, value, same ? row.origin.line : 0));
      add_fingerprint(files, key, value);
    });
    if (!read) {
      remark(*source, Diagnostic::Level::warning, read.error().text + ": the source is used");
      return source;
    }
    if (different == 0 && built->size() == written.size()) return source;
    if (example.empty()) example = missing_example(written, *built);
    remark(*source, Diagnostic::Level::warning,
           db_path() + " is newer than this source and not the same (" + escaped(example, 100) +
               " is one key that differs): " + db_path() + " is used; run postmap, or remove it");
    return Loaded{std::move(built), std::move(source->diagnostics)};
  }

  static std::string missing_example(const FixedContents& written, const FixedContents& built) {
    std::string example;
    written.visit([&](const table::Row& row) {
      table::Row other;
      if (example.empty() && !built.row_of(row.key, other)) example = row.key;
    });
    return example;
  }

  SourceCatalogue& catalogue_;
  Type type_;
  bool alias_form_;  // its text has the form of aliases(5)
  std::string path_;
  Substitution substitution_;
  bool may_be_missing_;
};

/// A table whose contents are exchanged when its file changes.
class FileTable final : public table::Table {
 public:
  FileTable(std::string name, FileLoader loader, const FilesRead& read,
            std::shared_ptr<const Contents> contents)
      : name_(std::move(name)),
        kind_(is_pattern(loader.type()) ? Kind::pattern : Kind::fixed),
        contents_(std::move(contents)),
        loader_(std::move(loader)),
        used_(read.stamps),
        seen_(read.stamps),
        fingerprint_(read.fingerprint),
        once_more_(is_hot(read.stamps)) {}

  table::Answer find(std::string_view key) const override {
    return contents_.read([&](const Contents& contents) { return contents.find(key); });
  }
  Kind kind() const override { return kind_; }
  const std::string& name() const override { return name_; }
  bool answers_every_key() const override { return contents_.share()->answers_every_key(); }
  void visit(const std::function<void(const table::Row&)>& row) const override {
    contents_.share()->visit(row);
  }

  /// True when there are new contents. One thread at a time.
  bool refresh(std::vector<Diagnostic>& diagnostics) {
    const Stamps now = loader_.stamps();
    const bool still = now == seen_;
    seen_ = now;
    if (now == used_ && !once_more_) return false;
    // A file that was written a moment ago may not be complete: it is left alone until it has been the same
    // for two calls, or for a second.
    if (!still && is_hot(now)) return false;
    FilesRead read;
    auto loaded = loader_.load(read);
    used_ = loaded ? read.stamps : now;
    once_more_ = loaded ? is_hot(used_) && !still : loaded.error().fault == Fault::temporary;
    if (!loaded) {
      diagnostics.push_back(
          {Diagnostic::Level::error,
           loader_.origin(),
           0,
           name_ + " was not reloaded, its old contents stay in use: " + loaded.error().text,
           {}});
      return false;
    }
    if (read.fingerprint == fingerprint_) return false;
    fingerprint_ = read.fingerprint;
    std::move(loaded->diagnostics.begin(), loaded->diagnostics.end(), std::back_inserter(diagnostics));
    contents_.replace(std::move(loaded->contents));
    return true;
  }

 private:
  /// A second write within one tick of the file system's clock changes no stamp: a hot file is read once
  /// more.
  static bool is_hot(const Stamps& stamps) {
    return stamps.text.is_hot(kHotSeconds) || stamps.db.is_hot(kHotSeconds);
  }

  std::string name_;
  Kind kind_;
  ReadMostly<Contents> contents_;
  FileLoader loader_;
  Stamps used_, seen_;
  std::size_t fingerprint_;
  bool once_more_;
};

}  // namespace

struct TableFiles::State {
  State(SourceCatalogue& the_catalogue, Random& the_random) : catalogue(the_catalogue), random(the_random) {}

  SourceCatalogue& catalogue;
  Random& random;
  std::mutex mutex;  // of the members up to the next comment; never held while a file is read
  std::map<std::string, std::shared_ptr<FileTable>> tables;
  std::vector<Diagnostic> diagnostics;
  std::map<std::string, std::shared_ptr<const table::Table>, std::less<>> asked_tables;
  std::set<std::string, std::less<>> alias_files;
  std::mutex refreshing;  // one refresh() at a time

  using Opened = Result<std::shared_ptr<const table::Table>>;
  Opened open(TableFiles& files, std::string_view spec, Origin where, Substitution substitution);
  Opened open_file(std::string_view spec, Type type, std::string_view path, Origin where,
                   Substitution substitution);
  Opened open_inline_rules(std::string_view spec, const table::Spec& parts, Type type, Origin where,
                           Substitution substitution);
  Opened named_at(Opened opened, Origin where) const;
  using OpenAsked = Opened(std::string_view spec, table::SourceSettings& settings, table::Opener& opener);
  Opened open_asked(TableFiles& files, std::string_view spec, std::string_view path, OpenAsked* opener);
  Opened asked(std::string_view spec, Opened opened);
  void keep(std::vector<Diagnostic> more) {
    const std::scoped_lock lock(mutex);
    std::move(more.begin(), more.end(), std::back_inserter(diagnostics));
  }
};

TableFiles::State::Opened TableFiles::State::named_at(Opened opened, Origin where) const {
  // No line: the command line names it, and whoever typed it knows where.
  if (opened || where.line == 0 || opened.error().text.find("; named at ") != std::string::npos)
    return opened;
  return fail(opened.error().fault, opened.error().text + "; named at " + catalogue.text(where));
}

TableFiles::State::Opened TableFiles::State::open(TableFiles& files, std::string_view spec, Origin where,
                                                  Substitution substitution) {
  const auto parts = table::parse_spec(spec);
  if (!parts) return named_at(std::unexpected(parts.error()), where);
  const auto& [type, name] = *parts;
  const bool allowed = substitution == Substitution::allowed;
  if (type == "proxy") return open(files, name, where, substitution);
  for (const FileType& file : kFileTypes) {
    if (file.name != type) continue;
    if (name.starts_with('{') && is_pattern(file.type)) {
      return named_at(open_inline_rules(spec, *parts, file.type, where, substitution), where);
    }
    return named_at(open_file(spec, file.type, name, where, substitution), where);
  }
  if (type == "unix") return named_at(open_unix_table(spec, name), where);
  if (type == "inline") return named_at(table::make_inline(spec, name, where), where);
  if (type == "static") return named_at(table::make_static(spec, name, where), where);
  if (type == "fail") return named_at(table::make_fail(spec, name), where);
  if (type == "randmap") return named_at(table::make_random(spec, name, where, random), where);
  if (type == "unionmap") return named_at(table::make_union(spec, name, where, files, allowed), where);
  if (type == "pipemap") return named_at(table::make_pipe(spec, name, where, files, allowed), where);
  if (type == "socketmap") return named_at(asked(spec, open_socketmap(spec, name, where)), where);
  if (type == "tcp") return named_at(asked(spec, open_tcp_table(spec, name, where)), where);
  for (const auto& [known, opener] :
       {std::pair("sqlite", &open_sqlite_table), std::pair("pgsql", &open_pgsql_table),
        std::pair("ldap", &open_ldap_table)}) {
    if (type == known) return named_at(open_asked(files, spec, name, opener), where);
  }
  const bool other = std::find(kOtherTypes.begin(), kOtherTypes.end(), type) != kOtherTypes.end();
  return named_at(fail(Fault::permanent, escaped(spec, 200) + ": tables of type \"" + std::string(type) +
                                             (other ? "\" are not supported" : "\" are not known") +
                                             "; the types are: " + std::string(kAllTypes)),
                  where);
}

/// The same table for the same spec: it keeps connections.
TableFiles::State::Opened TableFiles::State::asked(std::string_view spec, Opened opened) {
  if (!opened) return opened;
  const std::scoped_lock lock(mutex);
  return asked_tables.try_emplace(std::string(spec), std::move(*opened)).first->second;
}

TableFiles::State::Opened TableFiles::State::open_asked(TableFiles& files, std::string_view spec,
                                                        std::string_view path, OpenAsked* opener) {
  {
    const std::scoped_lock lock(mutex);
    if (const auto known = asked_tables.find(spec); known != asked_tables.end()) return known->second;
  }
  auto settings = read_source_settings(path, catalogue);
  if (!settings) return fail(settings.error().fault, escaped(spec, 200) + ": " + settings.error().text);
  auto opened = opener(spec, *settings, files);
  if (!opened) return fail(opened.error().fault, escaped(spec, 200) + ": " + opened.error().text);
  keep(settings->take_diagnostics());
  return asked(spec, std::move(opened));
}

TableFiles::State::Opened TableFiles::State::open_file(std::string_view spec, Type type,
                                                       std::string_view path, Origin where,
                                                       Substitution substitution) {
  const std::string key =
      std::string(substitution == Substitution::allowed ? "" : "no$ ") + std::string(spec);
  bool alias_form = false;
  {
    const std::scoped_lock lock(mutex);
    if (const auto known = tables.find(key); known != tables.end()) return known->second;
    alias_form = has_database(type) && alias_files.contains(path);
  }
  FileLoader loader(catalogue, type, alias_form, std::string(path), substitution, where.built_in());
  FilesRead read;
  auto loaded = loader.load(read);
  if (!loaded && type == Type::texthash && loaded.error().fault == Fault::malformed) {
    // As Postfix: mail that needs the table waits, and the rest goes on.
    const std::string why = std::string(spec) + " can't be used: " + loaded.error().text;
    loaded = Loaded{std::make_shared<NoContents>(table::Table::Kind::fixed, why),
                    {{Diagnostic::Level::error, loader.origin(), 0, why, {}}}};
  }
  if (!loaded) return fail(loaded.error().fault, std::string(spec) + ": " + loaded.error().text);
  keep(std::move(loaded->diagnostics));
  auto made =
      std::make_shared<FileTable>(std::string(spec), std::move(loader), read, std::move(loaded->contents));
  const std::scoped_lock lock(mutex);
  return tables.try_emplace(key, std::move(made)).first->second;
}

TableFiles::State::Opened TableFiles::State::open_inline_rules(std::string_view spec,
                                                               const table::Spec& parts, Type type,
                                                               Origin where, Substitution substitution) {
  const auto rules = table::inline_rules(parts.name);
  if (!rules) return fail(rules.error().fault, std::string(parts.type) + ": " + rules.error().text);
  // Rules in a setting have no lines of their own: they are counted after the setting's place.
  const std::string place = where.built_in() ? "" : catalogue.text(where) + " ";
  const std::uint32_t file = catalogue.add(place + std::string(parts.type) + ":{}");
  Loaded loaded = load_text(type, false, *rules, file, substitution);
  keep(std::move(loaded.diagnostics));
  return std::make_shared<table::FixedTable>(std::string(spec), std::move(loaded.contents));
}

TableFiles::TableFiles(SourceCatalogue& catalogue, Random& random)
    : state_(std::make_unique<State>(catalogue, random)) {}
TableFiles::~TableFiles() = default;

Result<std::shared_ptr<const table::Table>> TableFiles::open(std::string_view spec, Origin where) {
  return state_->open(*this, spec, where, Substitution::allowed);
}

Result<std::shared_ptr<const table::Table>> TableFiles::open_without_substitution(std::string_view spec,
                                                                                  Origin where) {
  return state_->open(*this, spec, where, Substitution::refused);
}

Result<std::vector<table::Element>> TableFiles::list(std::string_view path, Origin where) {
  auto file = read_stable_file(std::string(path));
  if (!file) {
    return fail(file.error().fault,
                file.error().text + (where.built_in() ? "" : "; named at " + state_->catalogue.text(where)));
  }
  const std::uint32_t number = state_->catalogue.add(path);
  std::vector<table::Element> elements;
  table::LogicalLines lines(file->text);
  table::LogicalLines::Line line;
  while (lines.next(line)) {
    if (line.orphan()) {
      state_->keep(
          {{Diagnostic::Level::error, Origin{number, line.number}, 1,
            "the line begins with white space, but there is no line before that it continues; it is left out",
            std::string(line.text.substr(0, 200))}});
      continue;
    }
    for (const auto element : table::split_list(line.text)) {
      elements.push_back({std::string(element), Origin{number, line.number}});
    }
  }
  return elements;
}

void TableFiles::have_alias_form(const std::vector<std::string>& specs) {
  const std::scoped_lock lock(state_->mutex);
  for (std::string_view spec : specs) {
    constexpr std::string_view kProxy = "proxy:";
    if (spec.starts_with(kProxy)) spec.remove_prefix(kProxy.size());
    if (const auto parts = table::parse_spec(spec)) state_->alias_files.emplace(parts->name);
  }
}

bool TableFiles::ask_others() const {
  const std::scoped_lock lock(state_->mutex);
  return !state_->asked_tables.empty();
}

std::vector<table::Diagnostic> TableFiles::take_diagnostics() {
  const std::scoped_lock lock(state_->mutex);
  return std::exchange(state_->diagnostics, {});
}

std::size_t TableFiles::refresh() {
  const std::scoped_lock one(state_->refreshing);
  std::vector<std::shared_ptr<FileTable>> tables;
  {
    const std::scoped_lock lock(state_->mutex);
    for (const auto& [key, table] : state_->tables) tables.push_back(table);
  }
  std::vector<Diagnostic> diagnostics;
  std::size_t changed = 0;
  for (const auto& table : tables) changed += table->refresh(diagnostics) ? 1 : 0;
  state_->keep(std::move(diagnostics));
  return changed;
}

}  // namespace hikyaku::io
