#pragma once
#include <optional>
#include <string_view>

#include "mime/charset.h"

namespace hikyaku::mime {

/// What the first octets of an input are.
struct NkfSample {
  bool text = false;          ///< they are text: nothing in them can be no character of `charset`
  Charset charset;            ///< that was asked for, or is guessed
  std::string_view line_end;  ///< "LF", "CRLF", "CR", "MIXED"; empty: there is none

  /// Text has no NUL and no other control characters than those for layout and shifts (but in UTF-16 and -32,
  /// and where a charset is asked for that has them), and reads without fault in its charset. A character
  /// that the end of `octets` cuts is none. Pure; O(size).
  static NkfSample look(std::string_view octets, const std::optional<Charset>& input);
};

/// The octets without a mark of their order at the begin, in UTF-8, -16 and -32.
std::string_view without_byte_order_mark(std::string_view octets, const Charset& charset);

}  // namespace hikyaku::mime
