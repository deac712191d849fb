#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "milter/message_spool.h"

namespace hikyaku::serve {

/// What is too large for memory, in a file without a name: it goes with the process, however that ends. Made
/// at the first append and given up at clear(). Calls block.
class SpoolFile : public milter::MessageSpool {
 public:
  /// `folder`: where the file is made.
  explicit SpoolFile(std::string folder) : folder_(std::move(folder)) {}
  SpoolFile(const SpoolFile&) = delete;
  SpoolFile& operator=(const SpoolFile&) = delete;
  ~SpoolFile() override { clear(); }

  /// Fails with Fault::temporary.
  Result<void> append(std::string_view octets) override;
  Result<std::string> read(std::uint64_t offset, std::size_t size) override;
  void clear() override;

 private:
  Error error(const char* doing) const;
  std::string folder_;
  int descriptor_ = -1;
  std::uint64_t size_ = 0;
};

}  // namespace hikyaku::serve
