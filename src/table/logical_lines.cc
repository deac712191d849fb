#include "table/logical_lines.h"

namespace hikyaku::table {
namespace {

bool blank_or_comment(std::string_view line) {
  for (const char c : line) {
    if (!is_space(c)) return c == '#';
  }
  return true;
}

}  // namespace

std::string_view trim_end(std::string_view text) {
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  return trim_end(text);
}

std::string_view LogicalLines::take_physical() {
  const auto line = rest_.substr(0, rest_.find('\n'));
  rest_.remove_prefix(line.size() < rest_.size() ? line.size() + 1 : line.size());
  ++number_;
  return line;
}

bool LogicalLines::next(Line& line) {
  std::string_view first;
  do {
    if (rest_.empty()) return false;
    first = take_physical();
  } while (blank_or_comment(first));
  line.text = first;
  line.number = number_;
  line.first_size = first.size();

  bool joined = false;
  while (!rest_.empty() && (rest_.front() == '#' || is_space(rest_.front()))) {
    const auto more = take_physical();
    if (blank_or_comment(more)) continue;
    if (!joined) joined_.assign(first);
    joined = true;
    joined_ += more;
  }
  if (joined) line.text = joined_;
  return true;
}

}  // namespace hikyaku::table
