#pragma once
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <future>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/blob.h"
#include "base/result.h"
#include "io/table_check.h"

namespace hikyaku::cmd {

/// Verifies all bodies in a folder of a FileBlob in a thread of its own, from its begin on: that waits for
/// the disk, while the caller has the processor for what refers to them. Its end waits for that thread. For
/// one caller.
class VerifiedBodies {
 public:
  explicit VerifiedBodies(std::filesystem::path folder);
  /// Waits for the end, and says on a terminal how far it is.
  const Result<std::vector<io::TableReport>>& reports();
  /// What blob.verify(name) says, without reading it again. `blob`: of the same folder.
  Result<void> verify(const Blob& blob, std::string_view name);

 private:
  std::atomic<std::uint64_t> done_ = 0, all_ = 0;           // octets
  std::map<std::string, std::string, std::less<>> faults_;  // by name; empty: it is whole
  std::optional<Result<std::vector<io::TableReport>>> reports_;
  std::future<Result<std::vector<io::TableReport>>> running_;  // the last: it ends before the others
};

}  // namespace hikyaku::cmd
