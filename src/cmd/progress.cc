#include "cmd/progress.h"

#include <unistd.h>

#include <cstdio>
#include <utility>

namespace hikyaku::cmd {

ProgressLine::ProgressLine(std::string what)
    : what_(std::move(what)),
      terminal_(::isatty(STDERR_FILENO) == 1),
      next_(std::chrono::steady_clock::now() + std::chrono::seconds{1}) {}

ProgressLine::~ProgressLine() { clear(); }

void ProgressLine::clear() {
  if (shown_) std::fputs("\r\033[K", stderr);
  shown_ = false;
}

void ProgressLine::operator()(std::uint64_t done, std::uint64_t all) {
  const auto now = std::chrono::steady_clock::now();
  if (!terminal_ || now < next_ || all == 0) return;
  next_ = now + std::chrono::milliseconds{200};
  shown_ = true;
  std::fprintf(stderr, "\r%s: %3llu %%\033[K", what_.c_str(),
               static_cast<unsigned long long>(done * 100 / all));
}

}  // namespace hikyaku::cmd
