#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace hikyaku::table {

/// White space as configuration files have it: space, \t, \n, \v, \f, \r.
constexpr bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
/// `text` without white space at its end; at both ends.
std::string_view trim_end(std::string_view text);
std::string_view trim(std::string_view text);

/// Reads a text as logical lines, as all of Postfix's files are read: a line that begins with white space
/// continues the one before; blank lines, and lines whose first character that is no white space is '#', are
/// left out, even between a line and its continuation. The parts are joined without their newlines.
/// Pure; O(size) over all calls; a view of the source for lines that are not continued.
class LogicalLines {
 public:
  struct Line {
    std::string_view text;       ///< valid until the next call of next()
    unsigned number = 0;         ///< of its first physical line, from 1
    std::size_t first_size = 0;  ///< octets of `text` that stand on that line: columns beyond are not told
    /// It begins with white space although there is nothing to continue: to be refused.
    bool orphan() const { return is_space(text.front()); }
  };

  explicit LogicalLines(std::string_view source) : rest_(source) {}
  /// False at the end. A line is never empty.
  bool next(Line& line);

 private:
  std::string_view take_physical();

  std::string_view rest_;
  std::string joined_;
  unsigned number_ = 0;  // of the physical line taken last
};

}  // namespace hikyaku::table
