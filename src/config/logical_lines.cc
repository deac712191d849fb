#include "config/logical_lines.h"

#include <algorithm>
#include <string>

namespace hikyaku::config {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

bool is_space(char c) { return kWhiteSpace.find(c) != std::string_view::npos; }

/// Nothing to read in it: empty, white space, or a comment.
bool is_skipped(std::string_view line) {
  const auto first = line.find_first_not_of(kWhiteSpace);
  return first == std::string_view::npos || line[first] == '#';
}

bool refuse_nul(std::string_view line, Origin where, Diagnostics& diagnostics) {
  const auto nul = line.find('\0');
  if (nul == std::string_view::npos) return false;
  diagnostics.add({.level = Diagnostic::Level::error,
                   .where = where,
                   .column = static_cast<unsigned>(nul + 1),
                   .text = "a NUL octet: this is not a text file, or it is damaged"});
  return true;
}

}  // namespace

std::vector<SourceText> logical_lines(std::string_view text, std::uint32_t file, Diagnostics& diagnostics) {
  std::vector<SourceText> result;
  if (text.size() > kLongestFile) {
    diagnostics.error({file, 1}, "the file is longer than 1 MiB: put long lists into tables");
    return result;
  }
  diagnostics.keep_source(file, text);
  std::uint32_t number = 0;
  bool continues_nothing = false;
  while (!text.empty()) {
    ++number;
    const auto end = std::min(text.find('\n'), text.size());
    auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    unsigned column = 1;
    if (number == 1 && line.starts_with(kByteOrderMark)) {
      line.remove_prefix(kByteOrderMark.size());
      column += static_cast<unsigned>(kByteOrderMark.size());
    }
    if (is_skipped(line)) continue;
    const Origin where{file, number};
    if (refuse_nul(line, where, diagnostics)) continue;
    if (!is_space(line.front())) {
      continues_nothing = false;
      result.emplace_back().append(line, {where, column});
    } else if (result.empty() || continues_nothing) {
      continues_nothing = true;
      diagnostics.warning(
          where,
          "this line is ignored: it begins with white space, and there is no line that it could continue");
    } else {
      result.back().append(line, {where, column});
    }
  }
  return result;
}

}  // namespace hikyaku::config
