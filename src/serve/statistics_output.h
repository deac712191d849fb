#pragma once
#include <cstdio>
#include <mutex>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hikyaku::serve {

/// Where the `stat` lines of greylist.conf go: to a file (">file" begins it anew, ">>file" goes on), or to a
/// command's input ("|command", by the shell). Thread-safe; blocks.
class StatisticsOutput {
 public:
  StatisticsOutput() = default;
  ~StatisticsOutput() { close(); }
  StatisticsOutput(const StatisticsOutput&) = delete;
  StatisticsOutput& operator=(const StatisticsOutput&) = delete;

  /// Empty: nowhere. The same as before: nothing is opened anew.
  Result<void> open(const std::string& output);
  /// Lost where nothing is open. Fails once, and is closed then.
  Result<void> write(std::string_view text);

 private:
  void close();
  std::mutex mutex_;
  std::string output_;
  std::FILE* file_ = nullptr;
  bool command_ = false;
};

}  // namespace hikyaku::serve
