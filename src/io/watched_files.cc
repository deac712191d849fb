#include "io/watched_files.h"

#include <algorithm>
#include <filesystem>

#include "io/log_check.h"

namespace hikyaku::io {
namespace {

class WatchedLog : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  WatchedLog(std::unique_ptr<rocksdb::FSWritableFile> file, WatchedFiles& files)
      : FSWritableFileOwnerWrapper(std::move(file)), files_(files) {}

  rocksdb::IOStatus Sync(const rocksdb::IOOptions& options, rocksdb::IODebugContext* debug) override {
    return watched(FSWritableFileOwnerWrapper::Sync(options, debug));
  }
  rocksdb::IOStatus Fsync(const rocksdb::IOOptions& options, rocksdb::IODebugContext* debug) override {
    return watched(FSWritableFileOwnerWrapper::Fsync(options, debug));
  }

 private:
  rocksdb::IOStatus watched(rocksdb::IOStatus status) {
    if (!status.ok()) files_.note_failed_sync();
    return status;
  }
  WatchedFiles& files_;
};

std::uint64_t log_of(const std::string& path) {
  return log_number(std::filesystem::path(path).filename().string());
}

rocksdb::IOStatus io_status(const Result<void>& result) {
  if (result) return rocksdb::IOStatus::OK();
  return result.error().fault == Fault::temporary ? rocksdb::IOStatus::NoSpace(result.error().text)
                                                  : rocksdb::IOStatus::IOError(result.error().text);
}

}  // namespace

rocksdb::IOStatus WatchedFiles::NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                                std::unique_ptr<rocksdb::FSWritableFile>* file,
                                                rocksdb::IODebugContext* debug) {
  auto status = target()->NewWritableFile(name, options, file, debug);
  const auto number = log_of(name);
  if (!status.ok() || number == 0) return status;
  // The name must be on the disk before the list says that it is.
  std::unique_ptr<rocksdb::FSDirectory> directory;
  status = target()->NewDirectory(std::filesystem::path(name).parent_path().string(), options.io_options,
                                  &directory, debug);
  if (status.ok()) status = directory->Fsync(options.io_options, debug);
  if (status.ok()) {
    const std::scoped_lock lock(mutex_);
    auto header = header_.header();
    header.logs.insert(std::ranges::lower_bound(header.logs, number), number);
    status = io_status(header_.store(header));
  }
  if (!status.ok()) {
    file->reset();
    return status;
  }
  *file = std::make_unique<WatchedLog>(std::move(*file), *this);
  return status;
}

rocksdb::IOStatus WatchedFiles::DeleteFile(const std::string& name, const rocksdb::IOOptions& options,
                                           rocksdb::IODebugContext* debug) {
  if (const auto number = log_of(name); number != 0) {
    const std::scoped_lock lock(mutex_);
    auto header = header_.header();
    if (std::erase(header.logs, number) > 0) {
      if (auto stored = header_.store(header); !stored) return io_status(stored);
    }
  }
  return target()->DeleteFile(name, options, debug);
}

Result<void> WatchedFiles::forget_older_logs() {
  const std::scoped_lock lock(mutex_);
  auto header = header_.header();
  if (header.logs.size() < 2) return {};
  header.logs.erase(header.logs.begin(), header.logs.end() - 1);
  return header_.store(header);
}

Result<void> WatchedFiles::set_state(DatabaseHeader::State state) {
  const std::scoped_lock lock(mutex_);
  auto header = header_.header();
  if (header.state == state) return {};
  header.state = state;
  return header_.store(header);
}

}  // namespace hikyaku::io
