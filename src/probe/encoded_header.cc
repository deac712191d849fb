#include "probe/encoded_header.h"

#include <algorithm>

#include "base/base64.h"
#include "base/utf8.h"

namespace hikyaku::probe {
namespace {

constexpr std::string_view kBegin = "=?utf-8?B?", kEnd = "?=";
// Of the text in one encoded word: 75 octets hold 60 of base64 besides the marks, which are 45.
constexpr std::size_t kOctetsOfWord = 45;

/// The most octets, at least one character and else not more than `most`, without a cut in a character.
std::size_t whole_characters(std::string_view text, std::size_t most) {
  std::size_t taken = 0;
  while (taken < text.size()) {
    const auto length = std::max<std::size_t>(utf8_length(text.substr(taken)), 1);
    if (taken > 0 && taken + length > most) break;
    taken += length;
  }
  return taken;
}

void put_words(std::string& out, std::string_view run) {
  std::string text(run);
  std::erase(text, '"');
  for (std::string_view rest = text; !rest.empty();) {
    const auto size = whole_characters(rest, kOctetsOfWord);
    // Between two encoded words the blank is no part of the text (RFC 2047 s. 6.2).
    if (rest.size() != text.size()) out += "\n ";
    out += kBegin;
    put_base64(out, rest.substr(0, size));
    out += kEnd;
    rest.remove_prefix(size);
  }
}

/// The end of the run of words from `at` on: up to the last word that is not ASCII before one that is.
std::size_t run_end(std::string_view text, std::size_t at) {
  std::size_t end = at;
  while (at < text.size()) {
    const auto word_end = std::min(text.find(' ', at), text.size());
    if (is_ascii(text.substr(at, word_end - at))) break;
    end = word_end;
    at = std::min(text.find_first_not_of(' ', word_end), text.size());
  }
  return end;
}

std::string encoded_value(std::string_view value) {
  std::string out;
  std::size_t at = 0;
  while (at < value.size()) {
    const auto word_end = std::min(value.find(' ', at), value.size());
    const auto word = value.substr(at, word_end - at);
    if (is_ascii(word)) {
      out += word;
      at = word_end;
    } else {
      const auto end = run_end(value, at);
      put_words(out, value.substr(at, end - at));
      at = end;
    }
    for (; at < value.size() && value[at] == ' '; ++at) out += ' ';
  }
  return out;
}

}  // namespace

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const auto length = utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string encoded_header(std::string_view line) {
  const auto colon = line.find(':');
  if (colon == std::string_view::npos || is_ascii(line) || !is_utf8(line)) return std::string(line);
  return std::string(line.substr(0, colon + 1)) + encoded_value(line.substr(colon + 1));
}

std::string header_parameter(std::string_view name, std::string_view value) {
  static constexpr std::string_view kPlain =
      "!#$&+-.^_`|~";  // attribute-char (RFC 2231 s. 7), with alphanumerics
  static constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out = "; " + std::string(name);
  if (is_ascii(value)) {
    out += "=\"";
    for (const char c : value) {
      if (c == '"' || c == '\\') out += '\\';
      out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '_' : c;
    }
    return out + '"';
  }
  out += is_utf8(value) ? "*=utf-8''" : "*=''";
  for (const char c : value) {
    const auto octet = static_cast<unsigned char>(c);
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (letter || kPlain.find(c) != std::string_view::npos) {
      out += c;
    } else {
      out += '%';
      out += kDigits[octet >> 4];
      out += kDigits[octet & 15];
    }
  }
  return out;
}

}  // namespace hikyaku::probe
