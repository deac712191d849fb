#include "mime/word_payload.h"

#include <cstdint>

#include "base/base64_tables.h"
#include "mime/header_text.h"
#include "mime/hex_digit.h"

namespace hikyaku::mime {
namespace {

/// Gathers groups of four characters.
class Groups {
 public:
  explicit Groups(std::string& out) : out_(out) {}
  void add(int value) {
    bits_ = bits_ << 6 | static_cast<std::uint32_t>(value);
    if (++count_ == 4) flush();
  }
  /// Writes the whole octets of what there is; gives how many characters that were.
  std::size_t flush() {
    const auto count = count_;
    bits_ <<= 6 * (4 - count_);
    for (std::size_t i = 0; i + 1 < count_; ++i) out_ += static_cast<char>(bits_ >> (16 - 8 * i));
    bits_ = 0;
    count_ = 0;
    return count;
  }
  std::size_t count() const { return count_; }

 private:
  std::string& out_;
  std::uint32_t bits_ = 0;
  std::size_t count_ = 0;
};

}  // namespace

WordPayload decode_b(std::string_view text) {
  WordPayload payload;
  Groups groups(payload.octets);
  std::size_t padding = 0, padded_at = 0;
  bool in_blank = false;
  for (const char c : text) {
    if (is_blank(c)) {
      payload.folds += in_blank ? 0 : 1;
      in_blank = true;
      continue;
    }
    in_blank = false;
    if (c == '=') {
      if (padding++ == 0) padded_at = groups.flush();
      continue;
    }
    const auto octet = static_cast<unsigned char>(c);
    auto value = base64_tables(Base64Alphabet::standard).digits[octet];
    if (value == Base64Tables::kNoDigit) {
      ++payload.foreign;
      // Those of URLs are read as they were meant.
      value = base64_tables(Base64Alphabet::url).digits[octet];
      if (value == Base64Tables::kNoDigit) continue;
    }
    if (padding > 0) payload.inner_padding = true;
    padding = 0;
    groups.add(value);
  }
  if (padding > 0) {
    payload.bad_padding = padded_at < 2 || padded_at + padding != 4;
  } else {
    payload.left_over = groups.flush();
    payload.bad_padding = payload.left_over > 0;
  }
  return payload;
}

WordPayload decode_q(std::string_view text) {
  WordPayload payload;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '_') {
      payload.octets += ' ';
    } else if (c == '=') {
      const int high = i + 1 < text.size() ? hex_value(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
      if (high >= 0 && low >= 0) {
        payload.octets += static_cast<char>(high << 4 | low);
        i += 2;
        continue;
      }
      ++payload.foreign;
      // "=" before a line end is quoted-printable's soft line break, out of place.
      if (i + 1 < text.size() && is_blank(text[i + 1])) continue;
      payload.octets += '=';
    } else if (c == '\r' || c == '\n') {
      const bool begun = i > 0 && (text[i - 1] == '\r' || text[i - 1] == '\n');
      payload.folds += begun ? 0 : 1;
      while (i + 1 < text.size() && (text[i + 1] == ' ' || text[i + 1] == '\t')) ++i;
    } else {
      if (c == ' ' || c == '\t' || c == '?' || (c & '\x80') != 0) ++payload.foreign;
      payload.octets += c == '\t' ? ' ' : c;
    }
  }
  return payload;
}

}  // namespace hikyaku::mime
