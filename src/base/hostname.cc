#include "base/hostname.h"

#include <cstddef>

namespace hikyaku {

bool is_hostname(std::string_view name) {
  constexpr std::size_t kLongestName = 255, kLongestLabel = 63;
  if (name.empty() || name.size() > kLongestName) return false;
  std::size_t label = 0;
  bool only_digits = true;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    const bool last_of_label = i + 1 == name.size() || name[i + 1] == '.';
    if (c == '.') {
      if (label == 0 || i + 1 == name.size()) return false;
      label = 0;
      continue;
    }
    const bool digit = c >= '0' && c <= '9';
    const bool letter =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || static_cast<unsigned char>(c) >= 0x80;
    if (!digit && !letter && c != '-') return false;
    if (c == '-' && (label == 0 || last_of_label)) return false;
    if (!digit) only_digits = false;
    if (++label > kLongestLabel) return false;
  }
  return !only_digits;
}

}  // namespace hikyaku
