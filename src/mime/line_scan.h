#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

namespace hikyaku::mime {

/// Counts the line ends of a message while it arrives, and what no line may have (RFC 5322 s. 2.1.1, 2.2).
/// Pure.
class LineScan {
 public:
  static constexpr std::uint64_t kLongest = 998;  ///< octets of a line, without its end
  struct Found {
    std::uint64_t count = 0, first = 0;  ///< offset, octets from the begin
    void add(std::uint64_t offset) {
      if (count++ == 0) first = offset;
    }
  };
  void feed(std::string_view octets);
  void finish();
  Found crlf, bare_lf, bare_cr, nul, long_lines;

 private:
  void end_line(std::uint64_t end, std::uint64_t next);
  std::uint64_t offset_ = 0, line_begin_ = 0;
  bool after_return_ = false;
};

}  // namespace hikyaku::mime
