#include "mime/unicode.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "base/utf8.h"

namespace hikyaku::mime {

void put_utf8(std::string& out, char32_t character) {
  if (character < 0x80) {
    out += static_cast<char>(character);
    return;
  }
  if (character > 0x10ffff || (character >= 0xd800 && character < 0xe000)) character = kReplacement;
  const auto tail = [&](unsigned shift) { return static_cast<char>(0x80 | (character >> shift & 0x3f)); };
  if (character < 0x800) {
    const char octets[] = {static_cast<char>(0xc0 | character >> 6), tail(0)};
    out.append(octets, sizeof octets);
  } else if (character < 0x10000) {
    const char octets[] = {static_cast<char>(0xe0 | character >> 12), tail(6), tail(0)};
    out.append(octets, sizeof octets);
  } else {
    const char octets[] = {static_cast<char>(0xf0 | character >> 18), tail(12), tail(6), tail(0)};
    out.append(octets, sizeof octets);
  }
}

std::size_t ascii_run(std::string_view text) {
  std::size_t at = 0;
  for (std::uint64_t eight = 0; at + sizeof eight <= text.size(); at += sizeof eight) {
    std::memcpy(&eight, text.data() + at, sizeof eight);
    if (eight & 0x8080808080808080ULL) break;
  }
  while (at < text.size() && (text[at] & '\x80') == 0) ++at;
  return at;
}

std::size_t utf8_run(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    if ((text[at] & '\x80') == 0) {
      at += ascii_run(text.substr(at));
      continue;
    }
    const auto length = utf8_length(text.substr(at));
    if (length == 0) break;
    at += length;
  }
  return at;
}

char32_t take_utf8(std::string_view& text) {
  const auto length = std::max<std::size_t>(utf8_length(text), 1);
  const auto lead = static_cast<unsigned char>(text.front());
  char32_t character = length == 1 ? lead : lead & (0x7f >> length);
  for (std::size_t i = 1; i < length; ++i)
    character = character << 6 | (static_cast<unsigned char>(text[i]) & 0x3f);
  text.remove_prefix(length);
  return character;
}

std::size_t utf8_begun(std::string_view text) {
  for (std::size_t back = 1; back <= std::min<std::size_t>(3, text.size()); ++back) {
    const auto octet = static_cast<unsigned char>(text[text.size() - back]);
    if ((octet & 0xc0) == 0x80) continue;
    const std::size_t length = octet >= 0xf0 ? 4 : octet >= 0xe0 ? 3 : octet >= 0xc0 ? 2 : 1;
    if (length <= back || octet > 0xf4 || (octet >= 0xc0 && octet < 0xc2)) return 0;
    // What completes the character must do so with any octets: e0 80 never does.
    std::string whole(text.substr(text.size() - back));
    whole.append(length - back, whole.size() == 1 && (octet == 0xe0 || octet == 0xf0) ? '\xbf' : '\x80');
    if (octet == 0xf4 && back == 1) whole[1] = '\x80';
    return utf8_length(whole) > 0 ? back : 0;
  }
  return 0;
}

}  // namespace hikyaku::mime
