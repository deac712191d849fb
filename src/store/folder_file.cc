#include "store/folder_file.h"

#include <algorithm>
#include <array>

#include "store/modified_utf7.h"

namespace hikyaku::store {
namespace {

constexpr std::string_view kHex = "0123456789abcdef";

void put_escaped(std::string& out, char c) {
  const auto octet = static_cast<unsigned char>(c);
  out += '\\';
  out += kHex[octet >> 4U];
  out += kHex[octet & 15U];
}

std::optional<unsigned> hex(char c) {
  if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
  const auto digit = kHex.find(c);
  if (digit == std::string_view::npos) return std::nullopt;
  return static_cast<unsigned>(digit);
}

bool control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

std::string unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 2 < text.size()) {
      const auto high = hex(text[i + 1]), low = hex(text[i + 2]);
      if (high && low) {
        out += static_cast<char>(*high << 4U | *low);
        i += 2;
        continue;
      }
    }
    out += text[i];
  }
  return out;
}

}  // namespace

std::string folder_file(std::string_view part) {
  constexpr std::array<std::string_view, 4> kTaken{"cur", "new", "tmp", "mbox"};
  const bool taken = std::ranges::find(kTaken, part) != kTaken.end();
  std::optional<std::size_t> ending;
  for (const std::string_view one : {".eml", ".mbox"}) {
    if (part.ends_with(one)) ending = part.size() - one.size();
  }
  std::string out;
  for (std::size_t i = 0; i < part.size(); ++i) {
    const char c = part[i];
    const bool first = i == 0 && (c == '.' || taken);
    if (first || i == ending || c == '/' || c == '\\' || control(c)) {
      put_escaped(out, c);
    } else {
      out += c;
    }
  }
  return out;
}

std::optional<std::string> part_of_folder_file(std::string_view file) {
  if (file.empty() || file.front() == '.') return std::nullopt;
  return unescaped(file);
}

std::string maildir_folder(std::string_view below) {
  std::string out;
  while (!below.empty()) {
    const auto part = below.substr(0, below.find('/'));
    below.remove_prefix(std::min(part.size() + 1, below.size()));
    std::string escaped;
    for (const char c : part) {
      if (c == '.' || c == '\\' || control(c)) {
        put_escaped(escaped, c);
      } else {
        escaped += c;
      }
    }
    out += '.';
    out += modified_utf7(escaped);
  }
  return out;
}

std::optional<std::string> below_of_maildir_folder(std::string_view file) {
  if (file.size() < 2 || file.front() != '.') return std::nullopt;
  std::string out;
  while (!file.empty()) {
    file.remove_prefix(1);
    const auto part = file.substr(0, file.find('.'));
    if (part.empty()) return std::nullopt;
    file.remove_prefix(part.size());
    const auto text = unescaped(from_modified_utf7(part).value_or(std::string(part)));
    if (text.find('/') != std::string::npos) return std::nullopt;
    if (!out.empty()) out += '/';
    out += text;
  }
  return out;
}

}  // namespace hikyaku::store
