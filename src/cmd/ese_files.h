#pragma once
#include <string>

#include "ese/random_access.h"

namespace hikyaku::cmd {

/// A file of the disk, opened for reading alone. Its buffer is the largest read.
class InputFile final : public ese::RandomAccess {
 public:
  /// `name` is what errors call it. Fails with Fault::not_found when it can't be opened, or is no file.
  static Result<std::unique_ptr<InputFile>> open(const std::string& path, const std::string& name);
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;
  ~InputFile() override;

  const std::string& name() const override { return name_; }
  std::uint64_t size() const override { return size_; }
  Result<std::string_view> read(std::uint64_t offset, std::size_t octets) override;

 private:
  InputFile(int file, std::uint64_t size, std::string name)
      : file_(file), size_(size), name_(std::move(name)) {}

  int file_;
  std::uint64_t size_;
  std::string name_, buffer_;
};

/// A folder of the disk.
class InputDirectory final : public ese::Directory {
 public:
  explicit InputDirectory(std::string path) : path_(std::move(path)) {}
  Result<std::vector<std::string>> names() override;
  Result<std::unique_ptr<ese::RandomAccess>> open(const std::string& name) override;

 private:
  std::string path_;
};

}  // namespace hikyaku::cmd
