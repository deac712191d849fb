#include "mime/word_scanner.h"

#include <algorithm>

#include "mime/header_text.h"
#include "mime/hex_digit.h"

namespace hikyaku::mime {
namespace {

constexpr std::size_t kNone = std::string_view::npos;
constexpr std::size_t kLabel = 80;  ///< octets of a label with its language that are looked at

/// RFC 2047 s. 2: a token has no specials, blanks and controls.
bool in_label(char c) {
  return c > ' ' && c < '\x7f' && std::string_view("()<>@,;:\"/[]?=").find(c) == kNone;
}

}  // namespace

std::size_t WordScanner::end_mark(std::size_t from) {
  if (from < marked_from_ || from > end_mark_) {
    end_mark_ = value_.find("?=", from);
    marked_from_ = from;
  }
  return end_mark_;
}

HeaderPiece WordScanner::word_at(std::size_t at) {
  HeaderPiece piece;
  piece.begin = piece.end = at;
  if (value_.substr(at, 2) != "=?") return piece;
  auto mark = at + 2;
  while (mark < value_.size() && mark - at - 2 < kLabel && in_label(value_[mark])) ++mark;
  if (mark == at + 2 || value_.substr(mark, 1) != "?") return piece;
  const auto encoding = value_.substr(mark + 1, 1);
  if (encoding.empty() || value_.substr(mark + 2, 1) != "?") return piece;
  if (std::string_view("bBqQ").find(encoding.front()) == kNone) return piece;
  piece.label = value_.substr(at + 2, mark - at - 2);
  piece.encoding = encoding == "b" || encoding == "B" ? 'B' : 'Q';
  piece.word = true;
  find_end(piece, mark + 3);
  return piece;
}

void WordScanner::find_end(HeaderPiece& piece, std::size_t payload) {
  auto mark = end_mark(payload);
  const auto next = value_.find("=?", payload);
  // "=?utf-8?Q?What?=20now?=": a question mark that should have been encoded.
  if (piece.encoding == 'Q' && mark != kNone && mark + 3 < value_.size() &&
      hex_value(value_[mark + 2]) >= 0 && hex_value(value_[mark + 3]) >= 0) {
    constexpr std::size_t kWord = 80;  // words are no longer, but for those that are broken otherwise
    const auto later = value_.substr(mark + 2, kWord).find("?=");
    const auto between = value_.substr(mark + 2, later == kNone ? 0 : later);
    if (later != kNone && std::none_of(between.begin(), between.end(), is_blank) &&
        between.find("=?") == kNone)
      mark += 2 + later;
  }
  if (mark != kNone && (next == kNone || next >= mark || next + 1 == mark)) {
    piece.payload = value_.substr(payload, mark - payload);
    piece.end = mark + 2;
    return;
  }
  // Without its end a word goes to the next blank: what is behind may be text.
  auto end = payload;
  while (end < value_.size() && end != next && !is_blank(value_[end])) ++end;
  piece.payload = value_.substr(payload, end - payload);
  if (piece.payload.ends_with('?')) piece.payload.remove_suffix(1);
  piece.end = end;
  piece.ended = false;
}

bool WordScanner::next(HeaderPiece& piece) {
  if (ahead_.word) {
    piece = ahead_;
    ahead_.word = false;
    return true;
  }
  if (at_ >= value_.size()) return false;
  const auto begin = at_;
  for (auto found = value_.find("=?", begin); found != kNone; found = value_.find("=?", found + 1)) {
    const auto word = word_at(found);
    if (!word.word) continue;
    at_ = word.end;
    if (found == begin) {
      piece = word;
      return true;
    }
    ahead_ = word;
    piece = {.begin = begin, .end = found};
    return true;
  }
  at_ = value_.size();
  piece = {.begin = begin, .end = value_.size()};
  return true;
}

}  // namespace hikyaku::mime
