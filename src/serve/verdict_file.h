#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "io/worker_pool.h"

namespace hikyaku::serve {

/// What filters made of each message, as lines in a file that does not grow past a limit: once it has half of
/// it, it becomes NAME.1, in whose place an older one goes. Lines are written by a thread of its own; when
/// too many wait, the newest are dropped and counted. Thread-safe.
class VerdictFile {
 public:
  /// `limit`: octets of both files together, about. Fails with Fault::permanent where it can't be written.
  static Result<std::unique_ptr<VerdictFile>> open(std::string name, std::uint64_t limit);
  ~VerdictFile();

  /// `line` without its end.
  void add(std::string line);
  std::uint64_t dropped() const { return dropped_; }

 private:
  VerdictFile(std::string name, std::uint64_t limit, int descriptor, std::uint64_t size);
  void write(std::string_view line);
  void begin_anew();

  const std::string name_;
  const std::uint64_t limit_;
  std::atomic<std::size_t> waiting_{0};  // octets
  std::atomic<std::uint64_t> dropped_{0};
  int descriptor_;  // of the thread
  std::uint64_t size_;
  io::WorkerPool thread_{1};
};

/// Hands each line of NAME.1 and NAME that holds `text` to `line`, oldest first. Fails with Fault::not_found
/// when there is neither. Blocks.
Result<void> search_verdicts(const std::string& name, std::string_view text,
                             const std::function<void(std::string_view)>& line);

}  // namespace hikyaku::serve
