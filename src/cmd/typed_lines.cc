#include "cmd/typed_lines.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace hikyaku::cmd {

Result<void> TypedLines::read() {
  std::array<char, 65536> room{};
  const auto size = ::read(descriptor_, room.data(), room.size());
  if (size < 0 && errno != EINTR && errno != EAGAIN)
    return fail(Fault::temporary, std::string("reading the input: ") + std::strerror(errno));
  if (size == 0) ended_ = true;
  if (size <= 0) return {};
  text_.erase(0, std::exchange(used_, 0));
  text_.append(room.data(), static_cast<std::size_t>(size));
  return {};
}

Result<std::optional<std::string>> TypedLines::next() {
  const auto end = text_.find('\n', used_);
  const auto size = (end == text_.npos ? text_.size() : end) - used_;
  if (size > kMostLine) return fail(Fault::malformed, "the input has a line of more than 1 MiB");
  if (end == text_.npos && (!ended_ || size == 0)) return std::optional<std::string>{};
  std::string line = text_.substr(used_, size);
  used_ = end == text_.npos ? text_.size() : end + 1;
  if (line.ends_with('\r')) line.pop_back();
  return std::optional(std::move(line));
}

}  // namespace hikyaku::cmd
