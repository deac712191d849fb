#include "io/rebuild.h"

#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <map>
#include <memory>
#include <queue>

#include "base/varint.h"
#include "io/large_values.h"
#include "io/log_format.h"
#include "io/log_rows.h"
#include "io/mapped_file.h"
#include "io/rocks_status.h"
#include "io/table_rows.h"
#include "io/table_sources.h"

namespace hikyaku::io {
namespace {

namespace fs = std::filesystem;

void put_little_endian(std::string& out, std::uint64_t value, unsigned octets) {
  for (unsigned i = 0; i < octets; ++i) out += static_cast<char>(value >> (8 * i) & 0xff);
}

/// Rows in the order of their keys, and of one key the newest first.
class Source {
 public:
  virtual ~Source() = default;
  virtual std::optional<TableRow> next() = 0;
};

class TableFileRows : public Source {
 public:
  TableFileRows(const TableSource& table, MappedFile file)
      : table_(table), file_(std::move(file)), rows_(file_.contents()) {}
  std::optional<TableRow> next() override { return rows_.next(); }
  /// After the last row.
  void tell_damages(const std::string& space, std::vector<FileFault>& faults) const {
    for (const auto& fault : rows_.faults()) faults.push_back({table_.file, space, fault, false, {}, {}, 0});
    for (const auto& damage : rows_.damages()) {
      faults.push_back({table_.file, space,
                        "damaged at offset " + std::to_string(damage.offset) + ": " + damage.reason, true,
                        damage.after, damage.until, 0});
    }
  }

 private:
  const TableSource& table_;
  MappedFile file_;
  TableRows rows_;
};

class LogRowsOfSpace : public Source {
 public:
  explicit LogRowsOfSpace(LogRows::Cursor rows) : rows_(std::move(rows)) {}
  std::optional<TableRow> next() override {
    const auto row = rows_.next();
    if (!row) return std::nullopt;
    return TableRow{row->key, row->sequence, row->value ? TableRow::Kind::value : TableRow::Kind::removal,
                    row->value.value_or(std::string_view())};
  }

 private:
  LogRows::Cursor rows_;
};

/// The files of large values, opened as they are asked for.
class LargeValues {
 public:
  explicit LargeValues(fs::path folder) : folder_(std::move(folder)) {}

  /// nullopt: it is lost, which is told by file in the end.
  std::optional<std::string_view> get(std::string_view key, std::string_view stored) {
    const auto reference = LargeValueReference::parse(stored);
    if (!reference) {
      lost(folder_, "what tables keep of large values is of another form", key);
      return std::nullopt;
    }
    auto& file = files_[reference->file];
    const auto path = folder_ / large_values_name(reference->file);
    if (!file) file = std::make_unique<Result<MappedFile>>(MappedFile::open(path));
    if (!*file) {
      lost(path, file->error().text, key);
      return std::nullopt;
    }
    auto value = large_value((*file)->contents(), key, *reference);
    if (!value) {
      lost(path, value.error().text, key);
      return std::nullopt;
    }
    return *value;
  }
  void tell(const std::string& space, std::vector<FileFault>& faults) {
    for (auto& [path, fault] : faults_) {
      fault.space = space;
      faults.push_back(std::move(fault));
    }
    faults_.clear();
  }

 private:
  void lost(const fs::path& path, const std::string& reason, std::string_view key) {
    auto& fault = faults_[path];
    if (fault.values++ == 0) fault = {path, {}, reason, true, std::string(key), {}, 1};
    fault.until = key;
  }
  const fs::path folder_;
  std::map<std::uint64_t, std::unique_ptr<Result<MappedFile>>> files_;
  std::map<fs::path, FileFault> faults_;
};

/// Writes rows as they were stored, the time in them too.
class Writer {
 public:
  explicit Writer(RocksKv& into) : into_(into) { begin(); }

  Result<void> put(unsigned space, std::string_view key, std::string_view value) {
    constexpr char kFamilyPut = 5;  // the engine's tag
    batch_ += kFamilyPut;
    put_varint(batch_, space + 1);
    put_text(batch_, key);
    put_text(batch_, value);
    ++count_;
    ++rows;
    return batch_.size() < kMost ? Result<void>{} : write();
  }
  Result<void> write() {
    if (count_ == 0) return {};
    std::string count;
    put_little_endian(count, count_, 4);
    batch_.replace(8, 4, count);
    rocksdb::WriteBatch batch(std::exchange(batch_, {}));
    // Through the log: the header goes by that when it says what the database must have.
    const auto status = into_.engine().Write({}, &batch);
    begin();
    if (!status.ok()) return failure("write to the new database", status);
    return {};
  }

  std::uint64_t rows = 0;

 private:
  static constexpr std::size_t kMost = std::size_t{1} << 20;
  void begin() {
    batch_.assign(log_format::kBatchHeader, '\0');
    count_ = 0;
  }
  RocksKv& into_;
  std::string batch_;
  std::uint32_t count_ = 0;
};

class Rebuild {
 public:
  Rebuild(const fs::path& database, const std::vector<KvSpace>& spaces, RocksKv& into,
          const Progress& progress)
      : db_(database / "db"),
        spaces_(spaces),
        into_(into),
        progress_(progress),
        values_(db_),
        writer_(into) {}

  Result<Rebuilt> run(TableSources sources, const LogRows& logs) {
    tables_ = std::move(sources.tables);
    rebuilt_.faults = std::move(sources.faults);
    rebuilt_.left_out = std::move(sources.left_out);
    rebuilt_.list_lost = sources.list_lost;
    for (const auto& table : tables_) {
      std::error_code error;
      if (const auto octets = fs::file_size(table.file, error); !error) all_ += octets;
    }
    for (unsigned space = 0; space < spaces_.size(); ++space) {
      if (auto merged = merge(space, logs); !merged) return std::unexpected(merged.error());
      values_.tell(spaces_[space].name, rebuilt_.faults);
      if (auto found = recover_values(space); !found) return std::unexpected(found.error());
    }
    // Its header learns here what the database has.
    if (auto synced = into_.commit({}, Kv::Durability::synced); !synced)
      return std::unexpected(synced.error());
    if (auto flushed = into_.flush(); !flushed) return std::unexpected(flushed.error());
    rebuilt_.rows = writer_.rows;
    return std::move(rebuilt_);
  }

 private:
  struct Head {
    TableRow row;
    std::uint64_t rank;  // a later file stands over an earlier one
    Source* source;
  };
  struct Later {
    bool operator()(const Head& a, const Head& b) const {
      if (a.row.key != b.row.key) return a.row.key > b.row.key;
      if (a.row.sequence != b.row.sequence) return a.row.sequence < b.row.sequence;
      return a.rank < b.rank;
    }
  };

  Result<void> merge(unsigned space, const LogRows& logs);
  Result<void> write(unsigned space, const TableRow& row);
  Result<void> recover_values(unsigned space);

  const fs::path db_;
  const std::vector<KvSpace>& spaces_;
  RocksKv& into_;
  const Progress& progress_;
  std::vector<TableSource> tables_;
  LargeValues values_;
  Writer writer_;
  Rebuilt rebuilt_;
  std::uint64_t all_ = 0, done_ = 0;
};

Result<void> Rebuild::write(unsigned space, const TableRow& row) {
  if (row.kind == TableRow::Kind::removal) return {};
  if (row.kind == TableRow::Kind::value) return writer_.put(space, row.key, row.value);
  const auto value = values_.get(row.key, row.value);
  return value ? writer_.put(space, row.key, *value) : Result<void>{};
}

Result<void> Rebuild::merge(unsigned space, const LogRows& logs) {
  std::vector<std::unique_ptr<TableFileRows>> files;
  std::priority_queue<Head, std::vector<Head>, Later> heads;
  const auto advance = [&](std::uint64_t rank, Source* source) {
    if (const auto row = source->next()) heads.push({*row, rank, source});
  };
  for (const auto& table : tables_) {
    if (table.space != space) continue;
    auto file = MappedFile::open(table.file);
    if (!file) return std::unexpected(file.error());
    files.push_back(std::make_unique<TableFileRows>(table, std::move(*file)));
    advance(table.number, files.back().get());
  }
  LogRowsOfSpace of_logs(logs.of(space));
  advance(UINT64_MAX, &of_logs);
  std::string last;
  bool any = false;
  while (!heads.empty()) {
    const auto head = heads.top();
    heads.pop();
    if (!any || head.row.key != last) {
      last = head.row.key;
      any = true;
      if (auto written = write(space, head.row); !written) return written;
    }
    advance(head.rank, head.source);
  }
  for (const auto& file : files) file->tell_damages(spaces_[space].name, rebuilt_.faults);
  for (const auto& table : tables_) {
    std::error_code error;
    if (const auto octets = fs::file_size(table.file, error); table.space == space && !error) done_ += octets;
  }
  if (progress_) progress_(done_, all_);
  return writer_.write();
}

/// Where a table has lost what it kept of large values, these still stand in their files, each with its key.
/// A key is never written twice, so what is found is what was there, if it was not removed: what nothing
/// refers to goes later.
Result<void> Rebuild::recover_values(unsigned space) {
  if (!spaces_[space].write_once) return {};
  std::vector<const FileFault*> holes;
  for (const auto& fault : rebuilt_.faults) {
    if (fault.rows && fault.values == 0 && (fault.space == spaces_[space].name || fault.space.empty()))
      holes.push_back(&fault);
  }
  if (holes.empty()) return {};
  const auto in_hole = [&](std::string_view key) {
    return std::ranges::any_of(holes, [&](const FileFault* hole) {
      return (hole->after.empty() || key >= hole->after) && (hole->until.empty() || key <= hole->until);
    });
  };
  std::error_code error;
  Result<void> result;
  for (fs::directory_iterator one(db_, error), end; !error && one != end; one.increment(error)) {
    if (one->path().extension() != ".blob") continue;
    const auto file = MappedFile::open(one->path());
    if (!file) continue;  // told when a table refers to it
    each_large_value(file->contents(), [&](std::string_view key, std::string_view value) {
      if (!result || !in_hole(key)) return;
      const auto there = into_.get(space, key);
      if (!there) {
        result = std::unexpected(there.error());
      } else if (!*there) {
        result = writer_.put(space, key, value);
      }
    });
    if (result) result = writer_.write();
    if (!result) return result;
  }
  if (error) return fail(Fault::permanent, "list " + db_.string() + ": " + error.message());
  return {};
}

}  // namespace

Result<Rebuilt> rebuild(const fs::path& database, const std::vector<KvSpace>& spaces, Salvage& salvage,
                        RocksKv& into, const fs::path& scratch,
                        const std::function<void(const SalvagedRow&)>& log_row,
                        const std::function<void()>& gap, const Progress& progress) {
  auto sources = find_tables(database, spaces, salvage.header(), !salvage.header_fault().empty());
  if (!sources) return std::unexpected(sources.error());
  auto logs = LogRows::make(scratch);
  if (!logs) return std::unexpected(logs.error());
  const auto row = [&](const SalvagedRow& one) {
    const auto first = sources->first_logs.find(one.space + 1);
    if (first != sources->first_logs.end() && one.log < first->second) return;
    if (log_row) log_row(one);
    if (one.intact && one.space < spaces.size()) logs->add(one.space, one.key, one.value, one.sequence);
  };
  if (auto read = salvage.read(row, gap); !read) return std::unexpected(read.error());
  if (auto kept = logs->end(); !kept) return std::unexpected(kept.error());
  return Rebuild(database, spaces, into, progress).run(std::move(*sources), *logs);
}

}  // namespace hikyaku::io
