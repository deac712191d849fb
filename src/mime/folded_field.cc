#include "mime/folded_field.h"

#include <utility>

#include "base/base64.h"
#include "base/utf8.h"
#include "mime/text_encoder.h"
#include "mime/unicode.h"

namespace hikyaku::mime {
namespace {

constexpr std::size_t kWord = 75;        // RFC 2047 s. 2
constexpr std::size_t kUnitOctets = 18;  ///< a word in Q has place for 21 octets

/// Marks that mean another thing, or none, without the character before.
bool mark(char32_t c) {
  return (c >= 0x300 && c <= 0x36f) || c == 0x3099 || c == 0x309a || c == 0xff9e || c == 0xff9f ||
         c == 0x200d || (c >= 0xfe00 && c <= 0xfe0f) || (c >= 0x1f3fb && c <= 0x1f3ff);
}

bool q_bare(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("!*+-/").find(c) != std::string_view::npos;
}

std::string encoded(std::string_view utf8, const HeaderEncoding& how, bool q) {
  const auto octets = encode_octets(how.charset, utf8);
  std::string word = "=?" + std::string(how.charset.name) + (q ? "?Q?" : "?B?");
  const auto text = octets ? octets->octets : std::string(utf8);
  return word + (q ? encode_q(text) : base64_encode(text)) + "?=";
}

/// Whether Q is shorter. ISO-2022-JP is always in B, as readers of it expect.
bool choose_q(std::string_view octets, const HeaderEncoding& how) {
  if (how.encoding != WordEncoding::shortest) return how.encoding == WordEncoding::q;
  if (how.charset.kind == CharsetKind::iso_2022_jp) return false;
  std::size_t q = 0;
  for (const char c : octets) q += q_bare(c) || c == ' ' ? 1 : 3;
  return q < (octets.size() + 2) / 3 * 4;
}

/// The octets of as many units from the front of `utf8` as make a word of at most `room` octets; one unit at
/// least.
std::size_t fitting(std::string_view utf8, std::size_t room, const HeaderEncoding& how, bool q) {
  std::vector<std::size_t> ends;
  std::size_t at = 0;
  // No charset has more than three octets of UTF-8 in one of its own.
  const auto most = how.charset.kind == CharsetKind::utf_8 ? room : 3 * room;
  while (at < utf8.size() && ends.size() <= kWord && (at <= most || ends.empty())) {
    at += unit_size(utf8.substr(at));
    ends.push_back(at);
  }
  std::size_t low = 1, high = ends.size();
  while (low < high) {
    const auto middle = (low + high + 1) / 2;
    if (encoded(utf8.substr(0, ends[middle - 1]), how, q).size() <= room) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return ends[low - 1];
}

}  // namespace

std::string encode_q(std::string_view octets) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char c : octets) {
    const auto octet = static_cast<unsigned char>(c);
    if (q_bare(c)) {
      out += c;
    } else if (c == ' ') {
      out += '_';
    } else {
      out += '=';
      out += kDigits[octet >> 4U];
      out += kDigits[octet & 15U];
    }
  }
  return out;
}

std::size_t unit_size(std::string_view utf8) {
  std::size_t size = std::max<std::size_t>(utf8_length(utf8), 1);
  bool joined = false;
  while (size < utf8.size() && size < kUnitOctets && utf8_length(utf8.substr(size)) > 0) {
    auto rest = utf8.substr(size);
    const auto next = take_utf8(rest);
    if (!mark(next) && !joined) break;
    joined = next == 0x200d;
    size = utf8.size() - rest.size();
  }
  return size;
}

FoldedField::FoldedField(std::string_view begun, std::size_t line)
    : out_(begun), line_(std::clamp<std::size_t>(line, 40, 998)) {
  const auto last = begun.rfind('\n');
  column_ = last == std::string_view::npos ? begun.size() : begun.size() - last - 1;
}

void FoldedField::fold(std::string_view blanks) {
  out_ += "\r\n";
  out_ += blanks;
  column_ = blanks.size();
}

void FoldedField::put(std::string_view blanks, std::string_view text) {
  if (!blanks.empty() && text.size() > room(blanks.size()) && column_ > 1) {
    fold(blanks);
  } else {
    out_ += blanks;
    column_ += blanks.size();
  }
  out_ += text;
  column_ += text.size();
}

void FoldedField::put_words(std::string_view blanks, std::string_view utf8, const HeaderEncoding& how,
                            std::vector<std::string>& unencodable) {
  const auto whole = encode_octets(how.charset, utf8);
  if (whole) unencodable.insert(unencodable.end(), whole->notes.which.begin(), whole->notes.which.end());
  const bool q = choose_q(whole ? whole->octets : utf8, how);
  // The first characters must find place on the line, or a new one begins; a comma may come behind.
  while (!utf8.empty()) {
    const auto first = encoded(utf8.substr(0, unit_size(utf8)), how, q).size() + 1;
    if (!blanks.empty() && room(blanks.size()) < std::max<std::size_t>(first, 24)) {
      fold(blanks);
    } else {
      out_ += blanks;
      column_ += blanks.size();
    }
    const auto size = fitting(utf8, std::min(kWord, std::max<std::size_t>(room(0), 1) - 1), how, q);
    const auto word = encoded(utf8.substr(0, size), how, q);
    out_ += word;
    column_ += word.size();
    utf8.remove_prefix(size);
    blanks = " ";
  }
}

std::string FoldedField::take_line_ended() {
  out_ += "\r\n";
  return std::move(out_);
}

}  // namespace hikyaku::mime
