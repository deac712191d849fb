#pragma once
#include <cstdint>
#include <ctime>
#include <string>

#include "base/result.h"

namespace hikyaku::io {

/// What tells one state of a file from another.
struct FileStamp {
  bool exists = false;
  std::uint64_t device = 0, inode = 0, size = 0;
  std::timespec changed{};  ///< time of last modification

  bool operator==(const FileStamp& other) const;
  /// True when this file was modified after `other`.
  bool newer_than(const FileStamp& other) const;
  /// True when it was modified within the last `seconds` before now, or after: a writer may not be done.
  bool is_hot(std::time_t seconds) const;
};

/// The file's stamp now; exists is false when it can't be looked at.
FileStamp stamp_of(const std::string& path);

struct StableFile {
  std::string text;
  FileStamp stamp;
};
/// Reads a regular file whole. When it changes meanwhile it is read again, up to ten times within a second; a
/// file that keeps changing is Fault::temporary. At most 4 GiB. Blocking.
Result<StableFile> read_stable_file(const std::string& path);

}  // namespace hikyaku::io
