#include "io/log_rows.h"

#include <rocksdb/db.h>

#include <utility>

#include "io/log_format.h"
#include "io/rocks_status.h"

namespace hikyaku::io {
namespace {

constexpr std::size_t kSequence = 8, kHead = kSequence + 1;  // and whether there is a value

std::string full_key(unsigned space, std::string_view key) {
  std::string out(1, static_cast<char>(space));
  return out.append(key);
}

LogRows::Row row_of(std::string_view key, std::string_view stored) {
  LogRows::Row row;
  row.key = key.substr(1);
  row.sequence = log_format::little_endian(stored.substr(0, kSequence));
  if (stored[kSequence] != '\0') row.value = stored.substr(kHead);
  return row;
}

std::string_view view(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

}  // namespace

LogRows::LogRows() = default;
LogRows::LogRows(LogRows&&) noexcept = default;

LogRows::~LogRows() {
  if (!db_) return;
  (void)db_->Close();
  db_.reset();
  std::error_code ignored;  // the next run takes it away
  std::filesystem::remove_all(folder_, ignored);
}

Result<LogRows> LogRows::make(const std::filesystem::path& folder) {
  rocksdb::Options options;
  options.create_if_missing = true;
  options.error_if_exists = true;
  options.compression = rocksdb::kNoCompression;
  options.write_buffer_size = std::size_t{16} << 20;
  // It locks: a run that goes on keeps its rows.
  if (const auto status = rocksdb::DestroyDB(folder.string(), options); !status.ok()) {
    return fail(Fault::temporary, "remove the rows of logs that an earlier run left in " + folder.string() +
                                      ", or another run has: " + status.ToString());
  }
  rocksdb::DB* opened = nullptr;
  if (const auto status = rocksdb::DB::Open(options, folder.string(), &opened); !status.ok())
    return failure("make a database for the rows of logs at " + folder.string(), status);
  LogRows rows;
  rows.folder_ = folder;
  rows.db_.reset(opened);
  return rows;
}

void LogRows::add(unsigned space, std::string_view key, std::optional<std::string_view> value,
                  std::uint64_t sequence) {
  if (failure_) return;
  key_.assign(1, static_cast<char>(space));
  key_ += key;
  value_.clear();
  for (std::size_t i = 0; i < kSequence; ++i) value_ += static_cast<char>(sequence >> (8 * i) & 0xff);
  value_ += value ? '\1' : '\0';
  value_ += value.value_or(std::string_view());
  rocksdb::WriteOptions how;
  how.disableWAL = true;
  if (const auto status = db_->Put(how, key_, value_); !status.ok())
    failure_ = failure("keep the rows of logs in " + folder_.string(), status).error();
}

void LogRows::add_unless_newer(unsigned space, std::string_view key, std::optional<std::string_view> value,
                               std::uint64_t sequence) {
  if (failure_) return;
  std::string stored;
  const auto status = db_->Get({}, full_key(space, key), &stored);
  if (!status.ok() && !status.IsNotFound()) {
    failure_ = failure("read the rows of logs in " + folder_.string(), status).error();
    return;
  }
  if (status.ok() && row_of(" ", stored).sequence > sequence) return;
  add(space, key, value, sequence);
}

Result<void> LogRows::end() const {
  if (failure_) return std::unexpected(*failure_);
  return {};
}

Result<std::optional<std::string>> LogRows::get(unsigned space, std::string_view key) const {
  std::string stored;
  const auto status = db_->Get({}, full_key(space, key), &stored);
  if (status.IsNotFound()) return std::nullopt;
  if (!status.ok()) return failure("read the rows of logs in " + folder_.string(), status);
  const auto row = row_of(" ", stored);
  if (!row.value) return std::nullopt;
  return std::string(*row.value);
}

LogRows::Cursor::Cursor(const LogRows& rows, std::string prefix)
    : prefix_(std::move(prefix)), folder_(rows.folder_.string()), at_(rows.db_->NewIterator({})) {
  at_->Seek(prefix_);
}
LogRows::Cursor::Cursor(Cursor&&) noexcept = default;
LogRows::Cursor::~Cursor() = default;

LogRows::Cursor LogRows::of(unsigned space, std::string_view prefix) const {
  return {*this, full_key(space, prefix)};
}

std::optional<LogRows::Row> LogRows::Cursor::next() {
  if (any_ && at_->Valid()) at_->Next();
  any_ = true;
  if (!at_->Valid() || !at_->key().starts_with(prefix_)) return std::nullopt;
  return row_of(view(at_->key()), view(at_->value()));
}

Result<void> LogRows::Cursor::end() const {
  if (at_->status().ok()) return {};
  return failure("read the rows of logs in " + folder_, at_->status());
}

}  // namespace hikyaku::io
