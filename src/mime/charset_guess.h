#pragma once
#include <string>
#include <string_view>

#include "mime/charset.h"

namespace hikyaku::mime {

struct CharsetGuess {
  Charset charset;
  double confidence =
      0;               ///< 0..1; 1 where no other charset can be meant (ASCII alone, ISO-2022-JP's escapes)
  std::string reason;  ///< "each octet belongs to a UTF-8 character, 5 of them Japanese"
};

/// The charset that `octets` are most likely in: US-ASCII, ISO-2022-JP, UTF-8, Shift_JIS or EUC-JP by rules
/// made for short Japanese strings; others by uchardet. Looks at the first 64 KiB; a character that their end
/// cuts is no fault. Never fails: what nothing fits is windows-1252 with confidence 0.
CharsetGuess guess_charset(std::string_view octets);

}  // namespace hikyaku::mime
