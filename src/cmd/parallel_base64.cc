#include "cmd/parallel_base64.h"

#include <algorithm>

namespace hikyaku::cmd {
namespace {

/// Of one line that never ends any group may be the first.
std::size_t octets_in_line(const Base64Format& format) {
  if (format.line_length == 0) return 3;
  return format.line_length % 4 == 0 ? format.line_length / 4 * 3 : 0;
}

}  // namespace

ParallelBase64Encoder::ParallelBase64Encoder(const Base64Format& format)
    : format_(format), encoder_(format), line_octets_(octets_in_line(format)) {}

ParallelBase64Encoder::~ParallelBase64Encoder() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void ParallelBase64Encoder::feed(std::string_view octets, std::string& out, std::string& behind) {
  if (line_octets_ == 0) return encoder_.feed(octets, out);
  const auto to_line_end = std::min((line_octets_ - into_line_) % line_octets_, octets.size());
  encoder_.feed(octets.substr(0, to_line_end), out);
  into_line_ = (into_line_ + to_line_end) % line_octets_;
  octets.remove_prefix(to_line_end);
  const auto lines = octets.size() / line_octets_;
  const bool shared = octets.size() >= kWorthIt && lines > 1;
  const auto ours = shared ? lines / 2 * line_octets_ : octets.size();
  const auto theirs = shared ? lines * line_octets_ - ours : 0;
  if (shared) hand_over(octets.substr(ours, theirs), behind);
  encoder_.feed(octets.substr(0, ours), out);
  if (shared) {
    wait();
    encoder_.feed(octets.substr(ours + theirs), behind);
  }
  into_line_ = (into_line_ + octets.size()) % line_octets_;
}

void ParallelBase64Encoder::hand_over(std::string_view octets, std::string& out) {
  if (!thread_.joinable()) thread_ = std::thread([this] { work(); });
  {
    const std::lock_guard lock(mutex_);
    octets_ = octets;
    out_ = &out;
  }
  changed_.notify_all();
}

void ParallelBase64Encoder::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return out_ == nullptr; });
}

void ParallelBase64Encoder::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stop_ || out_ != nullptr; });
    if (stop_) return;
    const auto octets = octets_;
    auto& out = *out_;
    lock.unlock();
    Base64Encoder(format_).feed(octets, out);  // whole lines: it keeps nothing
    lock.lock();
    out_ = nullptr;
    changed_.notify_all();
  }
}

}  // namespace hikyaku::cmd
