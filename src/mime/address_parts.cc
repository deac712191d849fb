#include "mime/address_parts.h"

namespace hikyaku::mime {
namespace {
constexpr std::size_t kNone = std::string_view::npos;
}

/// Behind what `at` opens; kNone where it is never closed.
std::size_t AddressParts::closed(std::size_t at) {
  const char open = value_[at];
  bool& none = open == '"' ? no_quote_ : open == '(' ? no_comment_ : no_angle_;
  if (none) return kNone;
  std::size_t depth = 0;
  for (auto i = at; i < value_.size(); ++i) {
    const char c = value_[i];
    if (c == '\\' && open != '<') {
      ++i;
    } else if (open == '(') {
      depth += c == '(' ? 1 : 0;
      if (c == ')' && --depth == 0) return i + 1;
    } else if (i > at && c == (open == '"' ? '"' : '>')) {
      return i + 1;
    }
  }
  none = true;
  return kNone;
}

std::size_t AddressParts::text_end(std::size_t at) {
  auto i = at;
  for (; i < value_.size(); ++i) {
    const char c = value_[i];
    if (c == '=') {
      // An encoded word may hold what would end the text, though it should not.
      if (const auto word = words_.word_at(i); word.word) i = word.end - 1;
      continue;
    }
    if (i == at) continue;  // what is not closed
    if (c == ',' || c == ':' || c == ';') break;
    if ((c == '"' && !no_quote_) || (c == '(' && !no_comment_) || (c == '<' && !no_angle_)) break;
  }
  return i;
}

bool AddressParts::next(AddressPart& part) {
  if (at_ >= value_.size()) return false;
  using K = AddressPart::Kind;
  const char c = value_[at_];
  part = {K::text, at_, at_ + 1};
  if (c == ',' || c == ':' || c == ';') {
    part.kind = K::separator;
  } else if (const auto end = c == '"' || c == '(' || c == '<' ? closed(at_) : kNone; end != kNone) {
    part.kind = c == '"' ? K::quoted : c == '(' ? K::comment : K::angle;
    part.end = end;
  } else {
    part.end = text_end(at_);
  }
  at_ = part.end;
  return true;
}

std::string unquoted(std::string_view part) {
  std::string text;
  part.remove_prefix(1);
  part.remove_suffix(1);
  for (std::size_t i = 0; i < part.size(); ++i) {
    if (part[i] == '\r' || part[i] == '\n') continue;
    if (part[i] == '\\' && i + 1 < part.size()) ++i;
    text += part[i];
  }
  return text;
}

std::string in_quotes(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

}  // namespace hikyaku::mime
