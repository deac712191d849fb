#pragma once
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/blob.h"
#include "io/blob_trailer.h"

namespace hikyaku::io {

/// Blobs as files of one directory. A blob is written under a temporary name with its checksum behind it
/// (blob_trailer.h), synced, renamed, and the directory synced. Thread-safe.
class FileBlob : public Blob {
 public:
  /// Makes the directory (0700) when it is not there and removes unfinished blobs of an earlier run: only one
  /// process may have it open for writing.
  static Result<std::unique_ptr<FileBlob>> open(const std::filesystem::path& directory);
  /// For reading what another program may be using; makes and removes nothing.
  static Result<std::unique_ptr<FileBlob>> open_read_only(const std::filesystem::path& directory);
  ~FileBlob() override;

  Result<std::unique_ptr<Writer>> put(std::string_view name) override;
  Result<std::string> get(std::string_view name, std::uint64_t offset, std::size_t length) const override;
  /// A file of before there were checksums passes.
  Result<void> verify(std::string_view name) const override;
  /// The same, and what its octets are; reads also a file of before. `done` is called with octets as they are
  /// read; may be empty.
  Result<BlobTrailer> examine(std::string_view name,
                              const std::function<void(std::uint64_t octets)>& done) const;
  Result<void> remove(std::string_view name) override;
  /// While what it gives lives, nothing is removed: that is done after it, when the process lives so long.
  [[nodiscard]] std::shared_ptr<void> hold_removals();
  Result<std::vector<std::string>> names() const override;

 private:
  FileBlob(std::filesystem::path directory, int descriptor)
      : directory_(std::move(directory)), descriptor_(descriptor) {}
  std::filesystem::path directory_;
  void release_removals();
  int descriptor_;  // of the directory
  std::mutex mutex_;
  unsigned holds_ = 0;             // under mutex_
  std::vector<std::string> held_;  // under mutex_: names to be removed then
};

}  // namespace hikyaku::io
