#pragma once
#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "mime/encoded_word.h"

namespace hikyaku::mime {

/// Writes one header field, folded (RFC 5322 s. 2.2.3) before the blanks that it is given.
class FoldedField {
 public:
  FoldedField(std::string_view begun, std::size_t line);
  /// Appends `text` behind `blanks`; begins a new line before them where the line would get too long.
  void put(std::string_view blanks, std::string_view text);
  /// Appends `utf8` as encoded words, the first behind `blanks`. Characters that the charset has not are
  /// added to `unencodable`.
  void put_words(std::string_view blanks, std::string_view utf8, const HeaderEncoding& how,
                 std::vector<std::string>& unencodable);
  /// The field so far.
  std::string take() { return std::move(out_); }
  std::string take_line_ended();

 private:
  std::size_t room(std::size_t blanks) const {
    return line_ > column_ + blanks ? line_ - column_ - blanks : 0;
  }
  void fold(std::string_view blanks);
  std::string out_;
  std::size_t column_ = 0, line_;
};

/// The octets of `utf8`'s first character, with the marks behind that belong to it: 1 at least where there
/// are any.
std::size_t unit_size(std::string_view utf8);

/// `octets` in Q (RFC 2047 s. 4.2) as a phrase may have it: letters, digits, "!*+-/" bare (s. 5 (3)).
std::string encode_q(std::string_view octets);

}  // namespace hikyaku::mime
