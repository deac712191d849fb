#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "smtp/data_encoder.h"

namespace hikyaku::access {

/// Writes a message as the many lines of a POP3 answer (RFC 1939 s. 3): dots at the start of lines doubled,
/// CR LF "." CR LF at the end, which are SMTP's rules too. Streaming: the message may come in any cuts.
class MessageEncoder {
 public:
  /// The whole message, or, for TOP, its header section, the empty line and so many lines of the body (RFC
  /// 1939 s. 7).
  explicit MessageEncoder(std::optional<std::uint64_t> body_lines = {}) : lines_left_(body_lines) {}

  /// Appends what of `octets` is wanted to `out`: with doubled dots at most twice as much.
  void encode(std::string_view octets, std::string& out);
  /// What TOP asked for is all there: no more of the message is wanted.
  bool complete() const { return complete_; }
  void finish(std::string& out);

 private:
  std::size_t wanted(std::string_view octets);

  smtp::DataEncoder encoder_;
  std::optional<std::uint64_t> lines_left_;
  std::size_t column_ = 0;  // octets of the present line; TOP only
  bool in_body_ = false, complete_ = false;
};

}  // namespace hikyaku::access
