#pragma once
#include <cstddef>
#include <optional>
#include <string>

#include "base/result.h"

namespace hikyaku::cmd {

/// The lines of a pipe or a file, as they come; a descriptor that poll() watches. A line ends in LF; a CR
/// before it belongs to the end.
class TypedLines {
 public:
  static constexpr std::size_t kMostLine = std::size_t{1} << 20;  ///< octets

  explicit TypedLines(int descriptor) : descriptor_(descriptor) {}
  int descriptor() const { return descriptor_; }
  /// Reads once, after poll() said that there is something.
  Result<void> read();
  /// The next whole line, or at the end of input what is left. Fault::malformed: it is longer than kMostLine.
  Result<std::optional<std::string>> next();
  bool ended() const { return ended_ && used_ == text_.size(); }

 private:
  int descriptor_;
  std::string text_;
  std::size_t used_ = 0;
  bool ended_ = false;
};

}  // namespace hikyaku::cmd
