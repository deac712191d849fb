#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hikyaku::table {

/// The result of a pattern rule, compiled: literal text and references to groups of the pattern.
class Replacement {
 public:
  Replacement() = default;
  /// Reads "text $1 ${2} $(3) $$". Names are decimal numbers from 1. Fails with Fault::malformed; the text
  /// says which name. Pure.
  static Result<Replacement> parse(std::string_view text);

  /// The highest group referred to; 0 when there is none.
  unsigned groups() const { return groups_; }
  /// Puts the text together; `group(n)` gives the text of group n, empty when it took no part.
  template <class GroupText>
  std::string expand(const GroupText& group) const {
    std::string text;
    for (const Piece& piece : pieces_) {
      text += piece.literal;
      if (piece.group != 0) text += group(piece.group);
    }
    return text;
  }
  std::string literal() const {
    return expand([](unsigned) { return std::string_view(); });
  }

 private:
  struct Piece {
    std::string literal;
    unsigned group = 0;  // follows the literal; 0: none
  };
  std::vector<Piece> pieces_;
  unsigned groups_ = 0;
};

}  // namespace hikyaku::table
