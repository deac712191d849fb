#include "greylist/reply_code.h"

#include <cstddef>

namespace hikyaku::greylist {

bool is_reply_code(std::string_view text) {
  return text.size() == 3 && (text[0] == '4' || text[0] == '5') && text[1] >= '0' && text[1] <= '5' &&
         text[2] >= '0' && text[2] <= '9';
}

bool is_enhanced_code(std::string_view text) {
  std::size_t dots = 0, digits = 0;
  bool good = text.starts_with("4.") || text.starts_with("5.");
  for (const char c : text) {
    const bool digit = c >= '0' && c <= '9';
    good = good && (digit ? ++digits <= 3 : c == '.' && digits != 0);
    if (c == '.') {
      ++dots;
      digits = 0;
    }
  }
  return good && dots == 2 && digits != 0;
}

}  // namespace hikyaku::greylist
