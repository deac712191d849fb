#include "io/table_sources.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <fstream>
#include <set>

#include "base/crc32c.h"
#include "io/manifest_check.h"
#include "io/mapped_file.h"
#include "io/table_rows.h"

namespace hikyaku::io {
namespace {

namespace fs = std::filesystem;

/// The number in "000123.sst"; 0 for any other name.
std::uint64_t table_number(std::string_view name) {
  constexpr std::string_view kEnd = ".sst";
  if (!name.ends_with(kEnd)) return 0;
  name.remove_suffix(kEnd.size());
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  return error == std::errc() && end == name.data() + name.size() ? number : 0;
}

/// By number.
Result<std::map<std::uint64_t, fs::path>> tables_in(const fs::path& db, std::set<std::uint64_t>& manifests) {
  std::map<std::uint64_t, fs::path> tables;
  std::error_code error;
  for (fs::directory_iterator one(db, error), end; !error && one != end; one.increment(error)) {
    const auto name = one->path().filename().string();
    if (const auto number = table_number(name); number != 0) tables[number] = one->path();
    if (const auto number = manifest_number(name); number != 0) manifests.insert(number);
  }
  if (error) return fail(Fault::permanent, "list " + db.string() + ": " + error.message());
  return tables;
}

class Search {
 public:
  Search(const fs::path& database, const std::vector<KvSpace>& spaces, const DatabaseHeader& header,
         bool header_lost)
      : db_(database / "db"), spaces_(spaces), header_(header), header_lost_(header_lost) {}

  Result<TableSources> run() {
    auto files = tables_in(db_, manifests_);
    if (!files) return std::unexpected(files.error());
    files_ = std::move(*files);
    read_list();
    look_at_tables();
    name_missing();
    return std::move(sources_);
  }

 private:
  void fault(const fs::path& file, std::string reason) {
    sources_.faults.push_back({file, {}, std::move(reason), false, {}, {}, 0});
  }
  void read_list();
  std::uint64_t best_list();
  void look_at_tables();
  void name_missing();
  bool is_foreign(const TableFacts& facts) const;
  std::optional<unsigned> space_of(std::uint64_t number, const TableFacts& facts) const;
  std::string name_of(std::uint32_t family) const;

  const fs::path db_;
  const std::vector<KvSpace>& spaces_;
  const DatabaseHeader& header_;
  const bool header_lost_;
  std::set<std::uint64_t> manifests_;
  std::map<std::uint64_t, fs::path> files_;
  ManifestContents list_;
  std::set<std::string> owners_;  // identities of the database that the tables are of
  TableSources sources_;
};

/// The list of tables that counts: the one that CURRENT names, when it is the header's, else what is there of
/// the header's; else the newest. 0: there is none.
std::uint64_t Search::best_list() {
  const auto current = current_manifest(db_);
  std::uint64_t best = 0;
  for (const auto& listed : header_.manifests) {
    if (manifest_fault(db_, listed)) continue;
    if (best != current || best == 0) best = listed.number;
  }
  if (best != 0) return best;
  if (manifests_.contains(current)) return current;
  return manifests_.empty() ? 0 : *manifests_.rbegin();
}

void Search::read_list() {
  if (const auto what = manifest_fault(db_, header_)) {
    const auto file = what->substr(0, what->find(": "));
    fault(file, what->substr(std::min(what->size(), file.size() + 2)));
  } else if (current_manifest(db_) == 0) {
    fault(db_ / "CURRENT", "missing or damaged");
  }
  if (header_.identity != 0 && identity_sum(db_) != header_.identity)
    fault(db_ / "IDENTITY", "missing, damaged, or of another database");
  const auto number = best_list();
  const auto path = db_ / manifest_name(number);
  const auto file = number == 0 ? Result<MappedFile>(fail(Fault::not_found, "there is no list of tables"))
                                : MappedFile::open(path);
  if (!file) {
    fault(number == 0 ? db_ : path, file.error().text);
    sources_.list_lost = true;
    return;
  }
  list_ = read_manifest(file->contents());
  const auto listed = std::ranges::find(header_.manifests, number, &CataloguedManifest::number);
  const bool known = listed != header_.manifests.end();
  bool good = list_.whole && (known ? !manifest_fault(db_, *listed) : header_.manifests.empty());
  // Without a header nobody knows how long it was: were it cut, there would be newer tables than it names.
  const auto last = std::max(list_.tables.empty() ? 0 : list_.tables.rbegin()->first,
                             list_.removed.empty() ? 0 : *list_.removed.rbegin());
  if (good && header_lost_ && !files_.empty() && files_.rbegin()->first > last) good = false;
  if (good) {
    sources_.first_logs = list_.first_logs;
    return;
  }
  sources_.list_lost = true;
  if (std::ranges::none_of(sources_.faults, [&](const FileFault& one) { return one.file == path; }))
    fault(path, "the list of tables is damaged, or older than the tables");
}

std::string Search::name_of(std::uint32_t family) const {
  const auto named = list_.families.find(family);
  if (named != list_.families.end()) return named->second;
  return family > 0 && family <= spaces_.size() ? spaces_[family - 1].name : std::string();
}

std::optional<unsigned> Search::space_of(std::uint64_t number, const TableFacts& facts) const {
  const auto listed = list_.tables.find(number);
  const auto name = listed != list_.tables.end() ? name_of(listed->second.family) : facts.space;
  const auto at = std::ranges::find(spaces_, name, &KvSpace::name);
  if (at == spaces_.end()) return std::nullopt;
  return static_cast<unsigned>(at - spaces_.begin());
}

/// A table says which database made it. One that was restored has tables of more than one.
bool Search::is_foreign(const TableFacts& facts) const {
  return !facts.database.empty() && !owners_.empty() && !owners_.contains(facts.database);
}

void Search::look_at_tables() {
  std::map<std::uint64_t, TableFacts> tables;
  std::map<std::string, std::size_t> counts;
  std::ifstream identity(db_ / "IDENTITY");
  std::string own;
  if (header_.identity != 0 && identity_sum(db_) == header_.identity && std::getline(identity, own))
    owners_.insert(own);
  for (const auto& [number, path] : files_) {
    const auto listed = list_.tables.find(number);
    const bool counts_here =
        sources_.list_lost ? !list_.removed.contains(number) : listed != list_.tables.end();
    if (!counts_here) {
      sources_.left_out.push_back(path);
      continue;
    }
    const auto file = MappedFile::open(path);
    if (!file) {
      fault(path, file.error().text);
      sources_.faults.back().rows = true;
      continue;
    }
    const auto& facts = tables[number] = TableRows(file->contents()).facts();
    if (facts.database.empty()) continue;
    ++counts[facts.database];
    const bool sure =
        listed != list_.tables.end() && listed->second.checksum && !owners_.contains(facts.database);
    if (sure && crc32c(file->contents()) == *listed->second.checksum) owners_.insert(facts.database);
  }
  if (owners_.empty() || sources_.list_lost) {
    const auto most = std::ranges::max_element(counts, {}, [](const auto& one) { return one.second; });
    if (most != counts.end()) owners_.insert(most->first);
  }
  for (const auto& [number, facts] : tables) {
    const auto& path = files_.at(number);
    const auto space = space_of(number, facts);
    if (space && !is_foreign(facts)) {
      sources_.tables.push_back({path, number, *space});
      continue;
    }
    const auto listed = list_.tables.find(number);
    const bool is_listed = listed != list_.tables.end();
    sources_.faults.push_back(
        {path, space ? spaces_[*space].name : std::string(),
         space ? "of another database" : "damaged so that nobody can tell whose rows it has",
         is_listed || !space || sources_.list_lost, is_listed ? listed->second.first : std::string(),
         is_listed ? listed->second.last : std::string(), 0});
    sources_.left_out.push_back(path);
  }
}

void Search::name_missing() {
  for (const auto& [number, table] : list_.tables) {
    if (files_.contains(number)) continue;
    sources_.faults.push_back({db_ / table_name(number), name_of(table.family),
                               "it is in the list of tables, and not on the disk", true, table.first,
                               table.last, 0});
  }
}

}  // namespace

Result<TableSources> find_tables(const fs::path& database, const std::vector<KvSpace>& spaces,
                                 const DatabaseHeader& header, bool header_lost) {
  return Search(database, spaces, header, header_lost).run();
}

std::string table_name(std::uint64_t number) {
  char name[40];
  std::snprintf(name, sizeof name, "%06llu.sst", static_cast<unsigned long long>(number));
  return name;
}

}  // namespace hikyaku::io
