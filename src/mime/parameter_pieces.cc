#include "mime/parameter_pieces.h"

#include <algorithm>

#include "mime/header_text.h"

namespace hikyaku::mime {
namespace {

constexpr std::size_t kNone = std::string_view::npos;
constexpr std::size_t kNameMost = 100;

/// RFC 2045 s. 5.1, and octets with the 8th bit.
bool in_token(char c) {
  return (c > ' ' || (c & '\x80') != 0) && c != '\x7f' &&
         std::string_view("()<>@,;:\\\"/[]?=").find(c) == kNone;
}
bool in_value(char c) { return in_token(c) || c == '/'; }

/// A quoted string's inside. A backslash that escapes nothing stays: it is of a path, or the second octet of
/// a Shift_JIS character.
std::string without_quotes(std::string_view inside) {
  std::string out;
  for (std::size_t i = 0; i < inside.size(); ++i) {
    if (inside[i] == '\r' || inside[i] == '\n') continue;
    if (inside[i] == '\\' && i + 1 < inside.size() && (inside[i + 1] == '"' || inside[i + 1] == '\\')) ++i;
    out += inside[i] == '\t' ? ' ' : inside[i];
  }
  return out;
}

class Scanner {
 public:
  Scanner(std::string_view text, const ParameterLimits& limits, Repairs& repairs)
      : text_(text), limits_(limits), repairs_(repairs) {}

  ScannedParameters scan() {
    ScannedParameters found;
    skip_blanks();
    while (at_ < text_.size() && in_value(text_[at_])) found.value += lower(text_[at_++]);
    skip_blanks();
    if (at_ < text_.size() && text_[at_] == '=') {  // no value at all: "; charset=..." without its beginning
      at_ = 0;
      found.value.clear();
    } else if (at_ < text_.size() && text_[at_] != ';') {
      syntax(at_, "text behind the value \"" + found.value + "\"; left out");
      at_ = std::min(text_.find(';', at_), text_.size());
    }
    while (at_ < text_.size()) parameter(found);
    return found;
  }

 private:
  void syntax(std::size_t where, std::string what) {
    repairs_.add(RepairKind::parameter_syntax, where, std::move(what));
  }

  /// White space and comments.
  void skip_blanks() {
    while (at_ < text_.size()) {
      if (is_blank(text_[at_])) {
        ++at_;
      } else if (text_[at_] != '(' || !skip_comment()) {
        return;
      }
    }
  }
  bool skip_comment() {
    if (no_comment_) return false;
    std::size_t depth = 0;
    for (auto i = at_; i < text_.size(); ++i) {
      if (text_[i] == '\\') {
        ++i;
      } else if (text_[i] == '(') {
        ++depth;
      } else if (text_[i] == ')' && --depth == 0) {
        at_ = i + 1;
        return true;
      }
    }
    no_comment_ = true;
    return false;
  }

  /// One parameter, or what stands in its place, and the ";" before it.
  void parameter(ScannedParameters& found) {
    skip_blanks();
    while (at_ < text_.size() && (text_[at_] == ';' || is_blank(text_[at_]))) {
      ++at_;
      skip_blanks();
    }
    if (at_ >= text_.size()) return;
    ParameterPiece piece;
    piece.where = at_;
    const auto begin = at_;
    while (at_ < text_.size() && in_token(text_[at_])) ++at_;
    auto name = text_.substr(begin, at_ - begin);
    skip_blanks();
    if (name.empty() || name.size() > kNameMost || at_ >= text_.size() || text_[at_] != '=') {
      syntax(begin, "text that is no parameter; left out");
      at_ = std::max(at_, begin + 1);
      at_ = std::min(text_.find(';', at_), text_.size());
      return;
    }
    if (at_ != begin + name.size()) syntax(begin, "blanks before \"=\"");
    ++at_;
    if (at_ < text_.size() && is_blank(text_[at_])) {
      syntax(begin, "blanks behind \"=\"");
      skip_blanks();
    }
    read_name(name, piece);
    piece.octets = at_ < text_.size() && text_[at_] == '"' ? quoted(piece) : bare(piece);
    if (found.pieces.size() < limits_.pieces) {
      found.pieces.push_back(std::move(piece));
    } else if (!full_) {
      full_ = true;
      syntax(begin, "more than " + std::to_string(limits_.pieces) + " parameters; the others are left out");
    }
  }

  /// "filename*1*": RFC 2231 s. 4.1.
  static void read_name(std::string_view name, ParameterPiece& piece) {
    if (name.size() > 1 && name.ends_with('*')) {
      piece.extended = true;
      name.remove_suffix(1);
    }
    const auto star = name.rfind('*');
    const auto digits = star == kNone ? std::string_view() : name.substr(star + 1);
    const bool number =
        !digits.empty() && digits.size() <= 5 &&
        std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (number && star > 0) {
      piece.numbered = true;
      for (const char c : digits) piece.number = piece.number * 10 + static_cast<std::size_t>(c - '0');
      name = name.substr(0, star);
    }
    for (const char c : name) piece.name += lower(c);
  }

  std::string quoted(const ParameterPiece& piece) {
    const auto begin = at_ + 1;
    auto end = closing_quote(begin);
    if (end == kNone) {
      syntax(at_, "a quoted string without its end");
      end = std::min(text_.find(';', begin), text_.size());
      at_ = end;
      return without_quotes(trimmed(text_.substr(begin, end - begin)));
    }
    at_ = end + 1;
    if (piece.extended) syntax(piece.where, "quotes around a value of RFC 2231");
    const auto behind = at_;
    skip_blanks();
    if (at_ < text_.size() && text_[at_] != ';') {
      const auto equals =
          text_.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_*", at_);
      if (equals != kNone && equals > at_ && text_[equals] == '=') {
        syntax(behind, "a parameter without \";\" before it");
      } else {
        syntax(behind, "text behind a quoted string; left out");
        at_ = std::min(text_.find(';', at_), text_.size());
      }
    }
    return without_quotes(text_.substr(begin, end - begin));
  }
  /// Where the string ends. The last octet before the quote may be a backslash that is half a Shift_JIS
  /// character.
  std::size_t closing_quote(std::size_t from) {
    std::size_t escaped = kNone;
    if (from < no_quote_from_) {
      for (auto i = from; i < text_.size(); ++i) {
        if (text_[i] == '"') return i;
        if (text_[i] != '\\') continue;
        ++i;
        if (i >= text_.size() || text_[i] != '"' || escaped != kNone) continue;
        const auto next = std::min(text_.find_first_not_of(" \t\r\n", i + 1), text_.size());
        const bool half = i >= 2 && (text_[i - 2] & '\x80') != 0;
        if (half && (next == text_.size() || text_[next] == ';')) escaped = i;
      }
      no_quote_from_ = from;
    }
    return escaped;
  }

  std::string bare(const ParameterPiece& piece) {
    const auto begin = at_;
    at_ = std::min(text_.find(';', begin), text_.size());
    auto value = trimmed(text_.substr(begin, at_ - begin));
    const bool file = piece.name == "name" || piece.name == "filename";
    // A comment behind it; a file's name may have parentheses that nobody quoted.
    if (const auto comment = value.find('('); comment != kNone && !file && value.ends_with(')'))
      value = trimmed(value.substr(0, comment));
    if (value.empty()) syntax(piece.where, "an empty value without quotes");
    const bool words = value.starts_with("=?");
    if (!words && value.find_first_of(" \t\r\n") != kNone)
      syntax(piece.where, "a value with blanks that should be in quotes");
    return unfolded(value);
  }

  std::string_view text_;
  const ParameterLimits& limits_;
  Repairs& repairs_;
  std::size_t at_ = 0, no_quote_from_ = kNone;
  bool no_comment_ = false, full_ = false;
};

}  // namespace

ScannedParameters scan_parameters(std::string_view field_value, const ParameterLimits& limits,
                                  Repairs& repairs) {
  return Scanner(field_value, limits, repairs).scan();
}

}  // namespace hikyaku::mime
