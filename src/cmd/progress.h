#pragma once
#include <chrono>
#include <cstdint>
#include <string>

namespace hikyaku::cmd {

/// A line on stderr that says how far something long has come: only on a terminal, and only when it takes
/// more than a second.
class ProgressLine {
 public:
  explicit ProgressLine(std::string what);
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;
  void operator()(std::uint64_t done, std::uint64_t all);
  /// Makes room for another line on the same terminal.
  void clear();

 private:
  std::string what_;
  bool terminal_;
  bool shown_ = false;
  std::chrono::steady_clock::time_point next_;
};

}  // namespace hikyaku::cmd
