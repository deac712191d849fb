#include "mime/safe_name.h"

#include <algorithm>
#include <array>

#include "base/utf8.h"
#include "mime/unicode.h"

namespace hikyaku::mime {
namespace {

constexpr std::size_t kExtension = 20;  // octets with the dot, which are kept when a name is shortened

/// Control characters, marks of direction and such without width, line separators, private tags.
bool unseen(std::uint32_t code) {
  return code < 0x20 || (code >= 0x7F && code < 0xA0) || code == 0xAD || code == 0x61C || code == 0x180E ||
         (code >= 0x200B && code <= 0x200F) || (code >= 0x2028 && code <= 0x202E) ||
         (code >= 0x2060 && code <= 0x206F) || code == 0xFEFF || (code >= 0xFFF9 && code <= 0xFFFB) ||
         (code >= 0xE0000 && code <= 0xE007F);
}

bool special(std::uint32_t code) {
  return code < 0x80 &&
         std::string_view(":*?\"<>|/\\").find(static_cast<char>(code)) != std::string_view::npos;
}

std::string_view without_outer_dots(std::string_view name) {
  while (name.starts_with(' ') || name.starts_with('.')) name.remove_prefix(1);
  while (name.ends_with(' ') || name.ends_with('.')) name.remove_suffix(1);
  return name;
}

bool device(std::string_view name) {
  std::string stem(name.substr(0, name.find('.')));
  while (stem.ends_with(' ')) stem.pop_back();
  for (auto& c : stem)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - ('a' - 'A'));
  static constexpr std::array<std::string_view, 6> kNames{"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"};
  if (std::find(kNames.begin(), kNames.end(), stem) != kNames.end()) return true;
  return stem.size() == 4 && (stem.starts_with("COM") || stem.starts_with("LPT")) && stem[3] >= '0' &&
         stem[3] <= '9';
}

/// Where the extension begins; the size of `name` where there is none worth keeping.
std::size_t extension_at(std::string_view name) {
  const auto dot = name.rfind('.');
  return dot == std::string_view::npos || dot == 0 || name.size() - dot > kExtension ? name.size() : dot;
}

/// At most `size` octets, no character cut.
std::string_view cut(std::string_view text, std::size_t size) {
  if (text.size() <= size) return text;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) --size;
  return text.substr(0, size);
}

}  // namespace

std::string safe_file_name(std::string_view name, std::string_view otherwise) {
  name = name.substr(name.find_last_of("/\\") + 1);  // npos + 1 is 0
  std::string safe;
  for (std::size_t at = 0; at < name.size();) {
    const auto length = utf8_length(name.substr(at));
    const auto character = name.substr(at, std::max<std::size_t>(length, 1));
    at += character.size();
    auto left = character;
    const auto code = length == 0 ? kReplacement : take_utf8(left);
    if (unseen(code)) continue;
    if (length == 0 || special(code)) {
      safe += '_';
    } else {
      safe += character;
    }
  }
  safe = without_outer_dots(safe);
  if (safe.empty()) return std::string(otherwise);
  if (device(safe)) safe.insert(0, 1, '_');
  const auto extension = extension_at(safe);
  if (safe.size() > kFileName)
    safe = std::string(cut(safe, std::min(extension, kFileName - (safe.size() - extension)))) +
           safe.substr(extension);
  return safe;
}

std::string numbered_file_name(std::string_view name, unsigned number) {
  const auto extension = extension_at(name);
  return std::string(name.substr(0, extension)) + "-" + std::to_string(number) +
         std::string(name.substr(extension));
}

}  // namespace hikyaku::mime
