#pragma once
#include <cstddef>
#include <filesystem>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace hikyaku::io {

/// A file mapped for reading from its begin to its end. Not for files that somebody may cut meanwhile.
class MappedFile {
 public:
  static Result<MappedFile> open(const std::filesystem::path& path);
  MappedFile(MappedFile&& other) noexcept
      : address_(std::exchange(other.address_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  MappedFile& operator=(MappedFile&&) = delete;
  ~MappedFile();
  std::string_view contents() const {
    return address_ == nullptr ? std::string_view() : std::string_view(address_, size_);
  }

 private:
  MappedFile() = default;
  const char* address_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace hikyaku::io
