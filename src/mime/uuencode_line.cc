#include "mime/uuencode_line.h"

#include <algorithm>

namespace hikyaku::mime {
namespace {

bool octal(char c) { return c >= '0' && c <= '7'; }
bool encoded(char c) { return c >= ' ' && c <= '`'; }

}  // namespace

std::optional<std::string_view> uuencode_begin(std::string_view line) {
  constexpr std::string_view kBegin = "begin ";
  if (!line.starts_with(kBegin)) return std::nullopt;
  line.remove_prefix(kBegin.size());
  const auto mode = std::find_if_not(line.begin(), line.end(), octal) - line.begin();
  if (mode < 3 || mode > 5) return std::nullopt;
  line.remove_prefix(static_cast<std::size_t>(mode));
  if (!line.starts_with(' ') || line.size() < 2) return std::nullopt;
  return line.substr(1);
}

UuencodeLine decode_uuencode_line(std::string_view line, std::string& out) {
  if (line.empty() || line == "`" || line == " " || line == "end") return UuencodeLine::last;
  if (!std::all_of(line.begin(), line.end(), encoded)) return UuencodeLine::none;
  const auto octets = static_cast<std::size_t>(line.front() - ' ') & 63;
  line.remove_prefix(1);
  const auto digits = (octets + 2) / 3 * 4;
  // The digits that the last octets do not need may be missing.
  const auto needed = octets / 3 * 4 + (octets % 3 == 0 ? 0 : octets % 3 + 1);
  if (line.size() > digits + 2) return UuencodeLine::none;
  if (line.size() < needed && (octets == 0 || line.size() + 8 < needed)) return UuencodeLine::none;
  if (octets == 0) return UuencodeLine::last;
  const auto digit = [&](std::size_t at) {
    return at < line.size() ? static_cast<unsigned>(line[at] - ' ') & 63 : 0;
  };
  const auto begin = out.size();
  for (std::size_t at = 0; at < digits; at += 4) {
    const auto group = digit(at) << 18 | digit(at + 1) << 12 | digit(at + 2) << 6 | digit(at + 3);
    for (const int shift : {16, 8, 0}) out += static_cast<char>(group >> shift & 0xFF);
  }
  out.resize(begin + octets);
  return UuencodeLine::data;
}

}  // namespace hikyaku::mime
