#include "probe/words.h"

#include <algorithm>
#include <charconv>

namespace hikyaku::probe {
namespace {

char upper_of(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

}  // namespace

std::string upper(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), upper_of);
  return out;
}

bool same_word(std::string_view one, std::string_view other) {
  return std::ranges::equal(one, other, {}, upper_of, upper_of);
}

Word word_at(std::string_view line, std::size_t from) {
  const auto begin = line.find_first_not_of(' ', std::min(from, line.size()));
  if (begin == line.npos) return {{}, line.size()};
  auto end = line.find(' ', begin);
  if (line[begin] == '"') {
    for (end = begin + 1; end < line.size() && line[end] != '"'; ++end) {
      if (line[end] == '\\') ++end;
    }
    end = std::min(end + 1, line.size());
  }
  return {line.substr(begin, end == line.npos ? end : end - begin), begin};
}

std::string unquoted(std::string_view text) {
  if (text.size() < 2 || !text.starts_with('"') || !text.ends_with('"')) return std::string(text);
  text = text.substr(1, text.size() - 2);
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) ++i;
    out += text[i];
  }
  return out;
}

std::optional<Literal> literal_at_end(std::string_view line) {
  if (!line.ends_with('}')) return std::nullopt;
  line.remove_suffix(1);
  Literal literal{0, true};
  if (line.ends_with('+')) {
    literal.waits = false;
    line.remove_suffix(1);
  }
  const auto open = line.rfind('{');
  if (open == line.npos) return std::nullopt;
  const auto* end = line.data() + line.size();
  const auto [stop, code] = std::from_chars(line.data() + open + 1, end, literal.size);
  if (code != std::errc{} || stop != end) return std::nullopt;
  return literal;
}

}  // namespace hikyaku::probe
