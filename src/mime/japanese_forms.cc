#include "mime/japanese_forms.h"

#include <array>
#include <utility>

#include "base/utf8.h"
#include "mime/unicode.h"

namespace hikyaku::mime {
namespace {

constexpr std::uint32_t kHalfFirst = 0xFF61, kHalfLast = 0xFF9F;
constexpr std::uint32_t kVoiced = 0xFF9E, kHalfVoiced = 0xFF9F;

/// Half-width U+FF61 to U+FF9F (JIS X 0201), in their order.
constexpr std::array<char16_t, kHalfLast - kHalfFirst + 1> kFull{
    u'。', u'「', u'」', u'、', u'・', u'ヲ', u'ァ', u'ィ', u'ゥ', u'ェ', u'ォ', u'ャ', u'ュ',
    u'ョ', u'ッ', u'ー', u'ア', u'イ', u'ウ', u'エ', u'オ', u'カ', u'キ', u'ク', u'ケ', u'コ',
    u'サ', u'シ', u'ス', u'セ', u'ソ', u'タ', u'チ', u'ツ', u'テ', u'ト', u'ナ', u'ニ', u'ヌ',
    u'ネ', u'ノ', u'ハ', u'ヒ', u'フ', u'ヘ', u'ホ', u'マ', u'ミ', u'ム', u'メ', u'モ', u'ヤ',
    u'ユ', u'ヨ', u'ラ', u'リ', u'ル', u'レ', u'ロ', u'ワ', u'ン', u'゛', u'゜'};

/// The voiced form of a katakana; 0: it has none.
std::uint32_t voiced(std::uint32_t code) {
  if (code == u'ウ') return u'ヴ';
  if (code >= u'カ' && code <= u'ト' && code != u'ッ') return code + 1;
  return code >= u'ハ' && code <= u'ホ' ? code + 1 : 0;
}
std::uint32_t half_voiced(std::uint32_t code) { return code >= u'ハ' && code <= u'ホ' ? code + 2 : 0; }

/// The ASCII form of a full-width one; 0: it has none.
std::uint32_t narrow(std::uint32_t code) {
  if (code == u'～') return 0;  // another sign than the tilde
  if (code >= u'！' && code <= u'～') return code - u'！' + '!';
  switch (code) {
    case u'“':
    case u'”':
      return '"';
    case u'‘':
      return '`';
    case u'’':
      return '\'';
    case u'−':
      return '-';
    default:
      return 0;
  }
}

std::string_view entity(std::uint32_t ascii) {
  switch (ascii) {
    case '<':
      return "&lt;";
    case '>':
      return "&gt;";
    case '&':
      return "&amp;";
    case '"':
      return "&quot;";
    default:
      return {};
  }
}

/// What an incomplete character at the end of a piece begins with may still become one.
bool may_go_on(std::string_view begun) {
  const auto first = static_cast<unsigned char>(begun[0]);
  const std::size_t size = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || begun.size() >= size) return false;
  for (const char c : begun.substr(1))
    if ((static_cast<unsigned char>(c) & 0xC0) != 0x80) return false;
  return true;
}

}  // namespace

void JapaneseForms::feed(std::string_view utf8, std::string& out) {
  if (options_.nothing()) {
    out += utf8;
    return;
  }
  std::string joined;
  if (!cut_.empty()) {
    joined = std::move(cut_);
    cut_.clear();
    joined += utf8;
    utf8 = joined;
  }
  while (!utf8.empty()) {
    if (const auto ascii = ascii_run(utf8); ascii > 0) {
      flush(out);
      out += utf8.substr(0, ascii);
      utf8.remove_prefix(ascii);
      continue;
    }
    const auto length = utf8_length(utf8);
    if (length == 0 && utf8.size() < 4 && may_go_on(utf8)) {
      cut_ = utf8;
      return;
    }
    const auto octets = utf8.substr(0, length == 0 ? 1 : length);
    utf8.remove_prefix(octets.size());
    auto left = octets;
    character(length == 0 ? 0 : take_utf8(left), octets, out);
  }
}

void JapaneseForms::finish(std::string& out) {
  flush(out);
  out += cut_;
  cut_.clear();
}

void JapaneseForms::flush(std::string& out) {
  if (held_ != 0) put(std::exchange(held_, 0), out);
}

void JapaneseForms::character(std::uint32_t code, std::string_view octets, std::string& out) {
  if (options_.widen_kana && code >= kHalfFirst && code <= kHalfLast) {
    const auto joined = code == kVoiced ? voiced(held_) : code == kHalfVoiced ? half_voiced(held_) : 0;
    if (joined != 0) {
      held_ = 0;
      return put(joined, out);
    }
    flush(out);
    held_ = kFull[code - kHalfFirst];
    return;
  }
  flush(out);
  if (code == u'　' && options_.blanks != Blanks::kept) {
    out += options_.blanks == Blanks::one ? " " : "  ";
  } else if (const auto ascii = options_.narrow_ascii ? narrow(code) : 0; ascii != 0) {
    const auto as_entity = options_.html ? entity(ascii) : std::string_view();
    if (as_entity.empty())
      out += static_cast<char>(ascii);
    else
      out += as_entity;
  } else if (code >= u'ぁ' && code <= u'ヴ') {
    put(code, out);
  } else {
    out += octets;
  }
}

void JapaneseForms::put(std::uint32_t code, std::string& out) {
  constexpr std::uint32_t kApart = u'ァ' - u'ぁ';
  const bool hiragana = code >= u'ぁ' && code <= u'ゔ', katakana = code >= u'ァ' && code <= u'ヴ';
  const bool to_katakana = options_.kana == Kana::katakana || options_.kana == Kana::exchanged;
  const bool to_hiragana = options_.kana == Kana::hiragana || options_.kana == Kana::exchanged;
  if (hiragana && to_katakana) {
    code += kApart;
  } else if (katakana && to_hiragana) {
    code -= kApart;
  }
  put_utf8(out, code);
}

}  // namespace hikyaku::mime
