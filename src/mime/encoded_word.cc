#include "mime/encoded_word.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "base/utf8.h"
#include "mail/header.h"
#include "mime/header_text.h"
#include "mime/word_group.h"

namespace hikyaku::mime {
namespace {

/// Plain text of a header: folds opened, tabs as blanks, raw octets guessed.
std::string plain_text(std::string_view text, std::size_t where, Repairs& repairs) {
  return decode_raw(unfolded(text), where, repairs);
}

bool all_blank(std::string_view text) { return std::all_of(text.begin(), text.end(), is_blank); }

std::string label_key(std::string_view label) {
  const auto charset = charset_by_label(label);
  return charset ? std::string(charset->name) : "?" + std::string(label);
}

/// Gathers words that belong together, and decodes them when another thing comes.
class Group {
 public:
  Group(std::string_view text, std::size_t base, Repairs& repairs)
      : text_(text), base_(base), repairs_(repairs) {}
  void add(const HeaderPiece& word, std::string& out) {
    auto key = label_key(word.label);
    if (!words_.empty() && key != key_) flush(out);
    if (!separated(word)) {
      repairs_.add(RepairKind::word_not_separated, base_ + word.begin,
                   "an encoded word that touches other text");
    }
    key_ = std::move(key);
    words_.push_back(word);
  }
  void flush(std::string& out) {
    if (words_.empty()) return;
    std::string decoded;
    decode_word_group(words_, base_, decoded, repairs_);
    out += without_controls(std::move(decoded), base_ + words_.front().begin, repairs_);
    words_.clear();
  }
  bool empty() const { return words_.empty(); }

 private:
  /// RFC 2047 s. 5: by white space, or by what begins and ends comments and phrases.
  bool separated(const HeaderPiece& word) const {
    constexpr std::string_view kBefore = " \t\r\n(,:;<\"", kBehind = " \t\r\n),:;<\"";
    return (word.begin == 0 || kBefore.find(text_[word.begin - 1]) != std::string_view::npos) &&
           (word.end == text_.size() || kBehind.find(text_[word.end]) != std::string_view::npos);
  }
  std::string_view text_;
  std::size_t base_;
  Repairs& repairs_;
  std::string key_;
  std::vector<HeaderPiece> words_;
};

}  // namespace

std::string decode_stretch(std::string_view text, std::size_t base, Repairs& repairs) {
  std::string out;
  WordScanner scanner(text);
  Group group(text, base, repairs);
  HeaderPiece piece;
  std::string blanks;
  while (scanner.next(piece)) {
    if (piece.word) {
      group.add(piece, out);
      blanks.clear();
      continue;
    }
    const auto plain = text.substr(piece.begin, piece.end - piece.begin);
    // White space between words is no part of the text (RFC 2047 s. 6.2); behind the last of them it is.
    if (!group.empty() && all_blank(plain)) {
      blanks = plain_text(plain, base + piece.begin, repairs);
      continue;
    }
    group.flush(out);
    out += without_controls(plain_text(plain, base + piece.begin, repairs), base + piece.begin, repairs);
  }
  group.flush(out);
  return out + blanks;
}

std::string without_controls(std::string text, std::size_t where, Repairs& repairs) {
  const auto control = [&](std::size_t i) {
    const auto octet = static_cast<unsigned char>(text[i]);
    if (octet == 0xc2 && i + 1 < text.size()) return static_cast<unsigned char>(text[i + 1]) < 0xa0 ? 2 : 0;
    return octet < 0x20 || octet == 0x7f ? 1 : 0;
  };
  std::string out;
  std::size_t taken = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto size = control(i);
    if (size == 0) {
      out += text[i];
      continue;
    }
    ++taken;
    if (is_blank(text[i]) && !out.ends_with(' ')) out += ' ';
    i += static_cast<std::size_t>(size) - 1;
  }
  if (taken > 0)
    repairs.add(RepairKind::control_characters, where,
                std::to_string(taken) + " control character" + (taken == 1 ? "" : "s") + " taken out");
  return out;
}

std::string unfolded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c != '\r' && c != '\n') out += c == '\t' ? ' ' : c;
  }
  return out;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

DecodedText decode_header_value(std::string_view value) {
  DecodedText decoded;
  decoded.text = trimmed(decode_stretch(value, 0, decoded.repairs));
  return decoded;
}

}  // namespace hikyaku::mime
