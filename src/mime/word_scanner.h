#pragma once
#include <cstddef>
#include <string_view>

#include "mime/repair.h"

namespace hikyaku::mime {

/// A part of a header value: an encoded word (RFC 2047 s. 2), or what is none.
struct HeaderPiece {
  std::size_t begin = 0, end = 0;  ///< in the value
  bool word = false;
  std::string_view label{};    ///< the charset as written, with its language; a word's alone
  char encoding = 0;           ///< 'B' or 'Q'
  std::string_view payload{};  ///< the encoded text
  bool ended = true;           ///< has its "?="
};

/// Walks over a value's pieces; two words beside each other come without a piece between them. O(size) over
/// all calls. The views live as long as the value.
class WordScanner {
 public:
  explicit WordScanner(std::string_view value) : value_(value) {}
  /// False at the end.
  bool next(HeaderPiece& piece);
  /// The word that begins at `at`; its `word` is false where none does. `at` must not go back from call to
  /// call.
  HeaderPiece word_at(std::size_t at);

 private:
  std::size_t end_mark(std::size_t from);
  void find_end(HeaderPiece& piece, std::size_t payload);

  std::string_view value_;
  std::size_t at_ = 0;
  HeaderPiece ahead_;
  std::size_t marked_from_ = 1, end_mark_ = 0;  ///< the first "?=" at or behind marked_from_ is at end_mark_
};

}  // namespace hikyaku::mime
