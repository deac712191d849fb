#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "mime/embedded_files.h"

namespace hikyaku::cmd {

/// A file that is being written. Its name appears at once, and nothing that was there is ever overwritten.
class ExtractedFile {
 public:
  ExtractedFile(int descriptor, std::string name) : descriptor_(descriptor), name_(std::move(name)) {}
  ExtractedFile(const ExtractedFile&) = delete;
  ExtractedFile& operator=(const ExtractedFile&) = delete;
  ~ExtractedFile();
  Result<void> write(std::string_view octets, std::uint64_t offset);
  Result<void> close();
  const std::string& name() const { return name_; }

 private:
  int descriptor_;
  std::string name_;
};

/// The folder that they go to.
class ExtractFolder {
 public:
  /// Fails with Fault::not_found where there is no such folder.
  static Result<ExtractFolder> open(const std::string& path);
  ExtractFolder(ExtractFolder&& other) noexcept
      : descriptor_(std::exchange(other.descriptor_, -1)), path_(std::move(other.path_)) {}
  ExtractFolder& operator=(ExtractFolder&&) = delete;
  ~ExtractFolder();

  /// Makes a file of a safe name for `name` (mime/safe_name.h); another number where it is taken. No symbolic
  /// link is followed. Fails with Fault::permanent after 10,000 tries, and where the system refuses.
  Result<std::unique_ptr<ExtractedFile>> create(std::string_view name, std::string_view otherwise);
  /// The file `name` that create() gave, once more: for the next part of it.
  Result<std::unique_ptr<ExtractedFile>> reopen(const std::string& name);

 private:
  ExtractFolder(int descriptor, std::string path) : descriptor_(descriptor), path_(std::move(path)) {}
  std::unexpected<Error> failed(const std::string& name) const;
  int descriptor_;
  std::string path_;
};

}  // namespace hikyaku::cmd
