#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hikyaku::cmd {

/// Reads a file in pieces of at most 64 KiB; "" or "-": stdin. Stops early when `taken` gives false. Fails
/// with Fault::not_found where there is none, Fault::permanent where it can't be read.
Result<void> read_in_pieces(const std::string& path, const std::function<bool(std::string_view)>& taken);
/// The same of all, with a line that says how far it has come (cmd/progress.h) where the size is known.
Result<void> read_with_progress(const std::string& path, const std::string& what,
                                const std::function<void(std::string_view)>& taken);
/// All of it, where it is no more than `limit` octets; else Fault::permanent.
Result<std::string> read_whole(const std::string& path, std::size_t limit);

/// stdout, in pieces of 64 KiB.
class StandardOutput {
 public:
  StandardOutput() = default;
  StandardOutput(const StandardOutput&) = delete;
  StandardOutput& operator=(const StandardOutput&) = delete;
  ~StandardOutput() { flush(); }
  void write(std::string_view octets);
  /// What was written is handed on. False: it could not be, which has been told on stderr once.
  bool flush();
  bool ok() const { return !failed_; }

 private:
  void put(std::string_view octets);
  std::string buffer_;
  bool failed_ = false;
};

}  // namespace hikyaku::cmd
