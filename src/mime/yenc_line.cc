#include "mime/yenc_line.h"

#include <charconv>

namespace hikyaku::mime {
namespace {

/// The text of "key=text" up to the next blank.
std::optional<std::string_view> value_of(std::string_view line, std::string_view key) {
  for (std::size_t at = 0; (at = line.find(key, at)) != std::string_view::npos; ++at) {
    if (at == 0 || line[at - 1] != ' ') continue;
    auto value = line.substr(at + key.size());
    return value.substr(0, value.find(' '));
  }
  return std::nullopt;
}

template <class Number>
std::optional<Number> number_of(std::string_view line, std::string_view key, int base) {
  const auto value = value_of(line, key);
  if (!value || value->empty()) return std::nullopt;
  // Old encoders write a checksum with more than 8 digits, of which the last ones count.
  auto digits = *value;
  if (base == 16 && digits.size() > 8) digits.remove_prefix(digits.size() - 8);
  Number number = 0;
  const auto end = digits.data() + digits.size();
  const auto read = std::from_chars(digits.data(), end, number, base);
  if (read.ec != std::errc() || read.ptr != end) return std::nullopt;
  return number;
}

}  // namespace

std::optional<YencBegin> YencBegin::parse(std::string_view line) {
  constexpr std::string_view kName = " name=";
  if (!line.starts_with("=ybegin ")) return std::nullopt;
  // The name is the last one, and has blanks of its own.
  const auto name = line.find(kName);
  if (name == std::string_view::npos) return std::nullopt;
  const auto keys = line.substr(0, name);
  const auto size = number_of<std::uint64_t>(keys, "size=", 10);
  if (!size || !number_of<std::uint64_t>(keys, "line=", 10)) return std::nullopt;
  YencBegin begin{.size = *size, .name = std::string(line.substr(name + kName.size()))};
  while (begin.name.ends_with(' ')) begin.name.pop_back();
  begin.part = number_of<std::uint64_t>(keys, "part=", 10).value_or(0);
  begin.total = number_of<std::uint64_t>(keys, "total=", 10).value_or(0);
  return begin;
}

std::optional<YencPart> YencPart::parse(std::string_view line) {
  if (!line.starts_with("=ypart ")) return std::nullopt;
  const auto begin = number_of<std::uint64_t>(line, "begin=", 10),
             end = number_of<std::uint64_t>(line, "end=", 10);
  if (!begin || !end || *begin == 0 || *end + 1 < *begin || *end + 1 == 0) return std::nullopt;
  return YencPart{*begin - 1, *end};
}

std::optional<YencEnd> YencEnd::parse(std::string_view line) {
  if (!line.starts_with("=yend")) return std::nullopt;
  return YencEnd{number_of<std::uint64_t>(line, "size=", 10), number_of<std::uint32_t>(line, "crc32=", 16),
                 number_of<std::uint32_t>(line, "pcrc32=", 16)};
}

bool decode_yenc(std::string_view octets, bool& escaped, std::string& out) {
  bool well = true;
  const auto begin = out.size();
  out.resize(begin + octets.size());
  auto* to = out.data() + begin;
  for (const char c : octets) {
    const auto octet = static_cast<unsigned char>(c);
    if (octet == '\r' || octet == '\n') {
      if (escaped && octet == '\n') {
        well = false;
        escaped = false;
      }
    } else if (escaped) {
      *to++ = static_cast<char>(octet - 64 - 42);
      escaped = false;
    } else if (octet == '=') {
      escaped = true;
    } else {
      *to++ = static_cast<char>(octet - 42);
    }
  }
  out.resize(static_cast<std::size_t>(to - out.data()));
  return well;
}

}  // namespace hikyaku::mime
