#include "io/watched_files.h"

#include <algorithm>
#include <filesystem>

#include "base/crc32c.h"
#include "io/log_check.h"
#include "io/manifest_check.h"

namespace hikyaku::io {
namespace {

class WatchedLog : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  WatchedLog(std::unique_ptr<rocksdb::FSWritableFile> file, std::uint64_t number, WatchedFiles& files)
      : FSWritableFileOwnerWrapper(std::move(file)), number_(number), files_(files) {}

  rocksdb::IOStatus Append(const rocksdb::Slice& octets, const rocksdb::IOOptions& options,
                           rocksdb::IODebugContext* debug) override {
    if (auto noted = note_first(octets); !noted.ok()) return noted;
    return FSWritableFileOwnerWrapper::Append(octets, options, debug);
  }
  rocksdb::IOStatus Append(const rocksdb::Slice& octets, const rocksdb::IOOptions& options,
                           const rocksdb::DataVerificationInfo& verification,
                           rocksdb::IODebugContext* debug) override {
    if (auto noted = note_first(octets); !noted.ok()) return noted;
    return FSWritableFileOwnerWrapper::Append(octets, options, verification, debug);
  }

  rocksdb::IOStatus Sync(const rocksdb::IOOptions& options, rocksdb::IODebugContext* debug) override {
    return watched(FSWritableFileOwnerWrapper::Sync(options, debug));
  }
  rocksdb::IOStatus Fsync(const rocksdb::IOOptions& options, rocksdb::IODebugContext* debug) override {
    return watched(FSWritableFileOwnerWrapper::Fsync(options, debug));
  }

 private:
  rocksdb::IOStatus note_first(const rocksdb::Slice& octets);
  rocksdb::IOStatus watched(rocksdb::IOStatus status) {
    if (!status.ok()) files_.note_failed_sync();
    return status;
  }
  std::uint64_t number_;
  bool begun_ = false;
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

class WatchedManifest : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  WatchedManifest(std::unique_ptr<rocksdb::FSWritableFile> file, std::uint64_t number, WatchedFiles& files)
      : FSWritableFileOwnerWrapper(std::move(file)), files_(files) {
    manifest_.number = number;
  }

  rocksdb::IOStatus Append(const rocksdb::Slice& octets, const rocksdb::IOOptions& options,
                           rocksdb::IODebugContext* debug) override {
    return appended(FSWritableFileOwnerWrapper::Append(octets, options, debug), octets);
  }
  rocksdb::IOStatus Append(const rocksdb::Slice& octets, const rocksdb::IOOptions& options,
                           const rocksdb::DataVerificationInfo& verification,
                           rocksdb::IODebugContext* debug) override {
    return appended(FSWritableFileOwnerWrapper::Append(octets, options, verification, debug), octets);
  }
  rocksdb::IOStatus Sync(const rocksdb::IOOptions& options, rocksdb::IODebugContext* debug) override {
    return synced(FSWritableFileOwnerWrapper::Sync(options, debug));
  }
  rocksdb::IOStatus Fsync(const rocksdb::IOOptions& options, rocksdb::IODebugContext* debug) override {
    return synced(FSWritableFileOwnerWrapper::Fsync(options, debug));
  }

 private:
  rocksdb::IOStatus appended(rocksdb::IOStatus status, const rocksdb::Slice& octets) {
    if (!status.ok()) return status;
    manifest_.checksum = crc32c({octets.data(), octets.size()}, manifest_.checksum);
    manifest_.octets += octets.size();
    return status;
  }
  rocksdb::IOStatus synced(const rocksdb::IOStatus& status) {
    return status.ok() ? io_status(files_.note_manifest(manifest_)) : status;
  }
  CataloguedManifest manifest_;
  WatchedFiles& files_;
};

rocksdb::IOStatus WatchedLog::note_first(const rocksdb::Slice& octets) {
  if (begun_ || octets.empty()) return rocksdb::IOStatus::OK();
  auto noted = io_status(files_.note_first_record(number_, {octets.data(), octets.size()}));
  begun_ = noted.ok();
  return noted;
}

}  // namespace

rocksdb::IOStatus WatchedFiles::NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                                std::unique_ptr<rocksdb::FSWritableFile>* file,
                                                rocksdb::IODebugContext* debug) {
  auto status = target()->NewWritableFile(name, options, file, debug);
  if (!status.ok()) return status;
  const auto manifest = manifest_number(std::filesystem::path(name).filename().string());
  if (manifest != 0) *file = std::make_unique<WatchedManifest>(std::move(*file), manifest, *this);
  const auto number = log_of(name);
  if (number == 0) return status;
  // The name must be on the disk before the list says that it is.
  status = sync_directory_of(name, options.io_options, debug);
  if (status.ok()) {
    const std::scoped_lock lock(mutex_);
    auto header = header_.header();
    header.logs.insert(std::ranges::lower_bound(header.logs, number, {}, &CataloguedLog::number),
                       {number, 0, written_.load(std::memory_order_acquire)});
    status = io_status(header_.store(header));
  }
  if (!status.ok()) {
    file->reset();
    return status;
  }
  *file = std::make_unique<WatchedLog>(std::move(*file), number, *this);
  return status;
}

rocksdb::IOStatus WatchedFiles::DeleteFile(const std::string& name, const rocksdb::IOOptions& options,
                                           rocksdb::IODebugContext* debug) {
  if (auto taken = take_off(log_of(name)); !taken) return io_status(taken);
  return target()->DeleteFile(name, options, debug);
}

rocksdb::IOStatus WatchedFiles::RenameFile(const std::string& from, const std::string& to,
                                           const rocksdb::IOOptions& options,
                                           rocksdb::IODebugContext* debug) {
  if (auto taken = take_off(log_of(from)); !taken) return io_status(taken);
  auto status = target()->RenameFile(from, to, options, debug);
  if (!status.ok() || std::filesystem::path(to).filename() != "CURRENT") return status;
  status = sync_directory_of(to, options, debug);
  return status.ok() ? note_current(to) : status;
}

rocksdb::IOStatus WatchedFiles::sync_directory_of(const std::string& name, const rocksdb::IOOptions& options,
                                                  rocksdb::IODebugContext* debug) {
  std::unique_ptr<rocksdb::FSDirectory> directory;
  auto status =
      target()->NewDirectory(std::filesystem::path(name).parent_path().string(), options, &directory, debug);
  return status.ok() ? directory->Fsync(options, debug) : status;
}

/// From now on one manifest counts.
rocksdb::IOStatus WatchedFiles::note_current(const std::string& name) {
  const auto number = current_manifest(std::filesystem::path(name).parent_path());
  const std::scoped_lock lock(mutex_);
  auto header = header_.header();
  const auto others =
      std::erase_if(header.manifests, [&](const CataloguedManifest& one) { return one.number != number; });
  return others == 0 ? rocksdb::IOStatus::OK() : io_status(header_.store(header));
}

Result<void> WatchedFiles::note_manifest(const CataloguedManifest& manifest) {
  const std::scoped_lock lock(mutex_);
  auto header = header_.header();
  const auto at =
      std::ranges::lower_bound(header.manifests, manifest.number, {}, &CataloguedManifest::number);
  if (at != header.manifests.end() && at->number == manifest.number) {
    if (*at == manifest) return {};
    *at = manifest;
  } else {
    header.manifests.insert(at, manifest);
  }
  return header_.store(header);
}

Result<void> WatchedFiles::note_identity(std::uint32_t sum) {
  const std::scoped_lock lock(mutex_);
  auto header = header_.header();
  if (header.identity == sum) return {};
  header.identity = sum;
  return header_.store(header);
}

/// With those before it, which are in tables just as well: the engine removes the newest first, and may be
/// stopped between two.
Result<void> WatchedFiles::take_off(std::uint64_t log) {
  if (log == 0) return {};
  const std::scoped_lock lock(mutex_);
  auto header = header_.header();
  const auto taken = std::erase_if(header.logs, [&](const CataloguedLog& one) { return one.number <= log; });
  return taken == 0 ? Result<void>{} : header_.store(header);
}

Result<void> WatchedFiles::note_backup(bool full, Time when) {
  const std::scoped_lock lock(mutex_);
  auto header = header_.header();
  (full ? header.full_backup : header.incremental_backup) = when;
  return header_.store(header);
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
  if (state == DatabaseHeader::State::clean)
    header.consistent = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
  return header_.store(header);
}

Result<void> WatchedFiles::note_first_record(std::uint64_t log, std::string_view octets) {
  const auto sum = first_record_of(octets);
  if (sum == 0) return {};
  const std::scoped_lock lock(mutex_);
  auto header = header_.header();
  const auto at = std::ranges::lower_bound(header.logs, log, {}, &CataloguedLog::number);
  if (at == header.logs.end() || at->number != log) return {};
  at->first_record = sum;
  return header_.store(header);
}

Result<void> WatchedFiles::begin_at(std::uint64_t sequence) {
  note_written(sequence);
  const std::scoped_lock lock(mutex_);
  auto header = header_.header();
  if (!header.logs.empty()) header.logs.back().begins_after = sequence;
  if (auto stored = header_.store(header); !stored) return stored;
  header_.note_acknowledged(sequence);
  return {};
}

void WatchedFiles::note_acknowledged(std::uint64_t sequence) {
  const std::scoped_lock lock(mutex_);
  header_.note_acknowledged(sequence);
}

}  // namespace hikyaku::io
