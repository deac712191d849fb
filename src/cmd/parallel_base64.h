#pragma once
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "base/base64_stream.h"

namespace hikyaku::cmd {

/// A Base64Encoder that has large pieces encoded by two threads, half of the lines each. Gives what one
/// encoder would.
class ParallelBase64Encoder {
 public:
  /// Smaller pieces are not shared out.
  static constexpr std::size_t kWorthIt = std::size_t{1} << 20;

  explicit ParallelBase64Encoder(const Base64Format& format);
  ParallelBase64Encoder(const ParallelBase64Encoder&) = delete;
  ParallelBase64Encoder& operator=(const ParallelBase64Encoder&) = delete;
  ~ParallelBase64Encoder();

  /// Appends to `out`, and to `behind` what comes after that.
  void feed(std::string_view octets, std::string& out, std::string& behind);
  void end(std::string& out) { encoder_.end(out); }

 private:
  void hand_over(std::string_view octets, std::string& out);
  void wait();
  void work();

  const Base64Format format_;
  Base64Encoder encoder_;
  std::size_t line_octets_;    // 0: lines do not begin with a group; nothing is shared out
  std::size_t into_line_ = 0;  // octets of a line that is not whole

  std::mutex mutex_;  // of all below, but for the thread
  std::condition_variable changed_;
  std::string_view octets_;     // what the other thread is to encode
  std::string* out_ = nullptr;  // ... into this, until it is null
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace hikyaku::cmd
