#pragma once
#include <cstdlib>
#include <filesystem>
#include <string>
#include <utility>

#include "base/result.h"

namespace hikyaku::io {

/// Where the engine looks for logs and finds none.
class EmptyFolder {
 public:
  static Result<EmptyFolder> make() {
    std::string name = (std::filesystem::temp_directory_path() / "hikyaku-no-logs-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) return fail(Fault::permanent, "make a folder like " + name);
    return EmptyFolder(std::move(name));
  }
  EmptyFolder(EmptyFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  EmptyFolder& operator=(EmptyFolder&&) = delete;
  ~EmptyFolder() {
    std::error_code error;
    if (!path_.empty()) std::filesystem::remove_all(path_, error);
  }
  const std::string& path() const { return path_; }

 private:
  explicit EmptyFolder(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

}  // namespace hikyaku::io
