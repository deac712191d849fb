#pragma once
#include <cstddef>
#include <string>
#include <string_view>

#include "mime/word_scanner.h"

namespace hikyaku::mime {

/// A part of a field that holds addresses (RFC 5322 s. 3.4), as far as encoded words care.
struct AddressPart {
  enum class Kind : unsigned char {
    text,       ///< words of a phrase, or an address without "<"
    quoted,     ///< a quoted string with its quotes
    comment,    ///< with its parentheses
    angle,      ///< "<...>"
    separator,  ///< "," ":" ";"
  };
  Kind kind = Kind::text;
  std::size_t begin = 0, end = 0;
};

/// Walks over the parts; each octet of `value` is in one. What is not closed is text. O(size) over all calls.
class AddressParts {
 public:
  explicit AddressParts(std::string_view value) : value_(value), words_(value) {}
  bool next(AddressPart& part);

 private:
  std::size_t closed(std::size_t at);
  std::size_t text_end(std::size_t at);
  std::string_view value_;
  WordScanner words_;
  std::size_t at_ = 0;
  bool no_quote_ = false, no_comment_ = false, no_angle_ = false;  ///< from here on none is closed
};

/// The inside of a quoted string or comment, backslashes and folds undone.
std::string unquoted(std::string_view part);
std::string in_quotes(std::string_view text);

}  // namespace hikyaku::mime
