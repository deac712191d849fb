#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace hikyaku::mime {

/// An encoded word's text, decoded leniently.
struct WordPayload {
  std::string octets;
  std::size_t folds = 0;       ///< runs of white space with a line end in them (B: any white space)
  std::size_t foreign = 0;     ///< octets that do not belong there
  bool inner_padding = false;  ///< "=" with more behind it
  bool bad_padding = false;    ///< padding missing or too much
  std::size_t left_over = 0;   ///< base64 characters beyond whole groups of four, at the end
};
/// RFC 2047 s. 4.1. Foreign octets are skipped; "-" and "_" are read as base64url has them; padding may be
/// missing, or be followed by more. O(size).
WordPayload decode_b(std::string_view text);
/// RFC 2047 s. 4.2. Blanks and 8-bit octets stay, a "=" without its two digits stays.
WordPayload decode_q(std::string_view text);

}  // namespace hikyaku::mime
