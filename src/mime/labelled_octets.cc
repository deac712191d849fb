#include <algorithm>
#include <array>
#include <cstdio>

#include "base/escape.h"
#include "mime/charset_guess.h"
#include "mime/text_decoder.h"
#include "mime/word_group.h"

namespace hikyaku::mime {
namespace {

bool eight_bit(char c) { return (c & '\x80') != 0; }
std::size_t eight_bit_octets(std::string_view octets) {
  return static_cast<std::size_t>(std::count_if(octets.begin(), octets.end(), eight_bit));
}

std::string confidence(const CharsetGuess& guess) {
  std::array<char, 40> text;
  std::snprintf(text.data(), text.size(), " (confidence %.2f)", guess.confidence);
  return std::string(guess.charset.name) + text.data();
}

bool western(const Charset& charset) {
  return charset.name == "us-ascii" || charset.name == "iso-8859-1" || charset.name == "iso-8859-15" ||
         charset.name == "windows-1252";
}

/// Whether the label is so doubtful that the octets are looked at.
bool doubtful(const Charset& labelled, const DecodeNotes& notes, std::string_view octets) {
  if (notes.replaced > 0) return true;
  if (labelled.kind == CharsetKind::iso_2022_jp) return notes.eight_bit;
  if (octets.find("\x1b$") != std::string_view::npos && !labelled.name.starts_with("iso-2022-")) return true;
  if (labelled.kind == CharsetKind::shift_jis || labelled.kind == CharsetKind::euc_jp)
    return octets.size() >= 8;
  return western(labelled) && eight_bit_octets(octets) >= 2;
}

/// Whether the guess is to be believed rather than the label, which reads the octets with `notes`.
bool believed(const CharsetGuess& guess, const DecodeNotes& as_guessed, const Charset& labelled,
              const DecodeNotes& as_labelled, std::string_view octets) {
  if (guess.charset == labelled || guess.confidence < 0.5) return false;
  if (guess.charset.kind == CharsetKind::other && labelled.form != JapaneseForm::none) return false;
  if (as_guessed.replaced < as_labelled.replaced) return true;
  if (as_guessed.replaced > 0) return false;
  if (guess.charset.kind == CharsetKind::iso_2022_jp) return labelled.kind != CharsetKind::iso_2022_jp;
  if (labelled.kind == CharsetKind::iso_2022_jp)
    return as_labelled.eight_bit && guess.charset.kind != CharsetKind::ascii;
  if (guess.charset.kind == CharsetKind::other || guess.confidence < 0.95) return false;
  // The label's reading is without fault: only much that reads as Japanese outweighs it.
  const auto high = eight_bit_octets(octets);
  if (guess.charset == kUtf8) return true;
  return guess.confidence >= 0.99 && high >= 6 && high * 2 >= octets.size();
}

void name_notes(const DecodeNotes& notes, const Charset& charset, std::size_t where, Repairs& repairs) {
  if (charset.kind == CharsetKind::iso_2022_jp) {
    if (notes.lost_escape)
      repairs.add(RepairKind::lost_escape, where,
                  "the ESC octets of ISO-2022-JP's escapes were lost; read as if they were there");
    if (notes.eight_bit)
      repairs.add(RepairKind::eight_bit_in_iso_2022_jp, where,
                  "octets with the 8th bit in ISO-2022-JP; read as JIS X 0201 kana or with the bit off");
    if (charset.form == JapaneseForm::standard && charset.name == "iso-2022-jp" &&
        (notes.half_width_kana || notes.extended)) {
      const std::string what = notes.half_width_kana && notes.extended
                                   ? "half-width kana, and NEC or IBM characters,"
                               : notes.half_width_kana ? "half-width kana"
                                                       : "NEC or IBM characters";
      repairs.add(RepairKind::extended_characters, where,
                  what + " under the label iso-2022-jp; read as CP50221");
    }
    if (notes.ended_shifted)
      repairs.add(RepairKind::no_return_to_ascii, where,
                  "ISO-2022-JP without the escape back to ASCII at its end");
  }
  if (notes.replaced > 0)
    repairs.add(RepairKind::undecodable, where,
                std::to_string(notes.replaced) + (notes.replaced == 1 ? " place is" : " places are") +
                    " not " + std::string(charset.name) + ", the first at octet " +
                    std::to_string(*notes.first_bad) + "; U+FFFD stands there");
}

/// `octets` in a charset of ours, or the ASCII of them where this system can't read it.
DecodedOctets decoded(const Charset& charset, std::string_view octets) {
  if (auto text = decode_octets(charset, octets)) return std::move(*text);
  return decode_octets(kUsAscii, octets).value_or(DecodedOctets{});
}

}  // namespace

std::string decode_labelled(const LabelledOctets& given, Repairs& repairs) {
  auto charset = charset_by_label(given.label);
  const auto shown = escaped(given.label, 40);
  if (charset && !TextDecoder::open(*charset)) charset.reset();
  if (!charset) {
    const auto guess = guess_charset(given.octets);
    auto text = decoded(guess.charset, given.octets);
    repairs.add(RepairKind::unknown_label, given.where,
                "the charset " + shown + " is not known; guessed " + confidence(guess));
    name_notes(text.notes, guess.charset, given.where, repairs);
    return std::move(text.text);
  }
  auto text = decoded(*charset, given.octets);
  if (doubtful(*charset, text.notes, given.octets)) {
    const auto guess = guess_charset(given.octets);
    auto other = decoded(guess.charset, given.octets);
    if (believed(guess, other.notes, *charset, text.notes, given.octets)) {
      repairs.add(RepairKind::wrong_label, given.where,
                  "labelled " + shown + ", but the octets are " + confidence(guess));
      charset = guess.charset;
      text = std::move(other);
    }
  }
  name_notes(text.notes, *charset, given.where, repairs);
  return std::move(text.text);
}

std::string decode_raw(std::string_view octets, std::size_t where, Repairs& repairs) {
  const bool plain = eight_bit_octets(octets) == 0 && octets.find('\x1b') == std::string_view::npos &&
                     octets.find("$B") == std::string_view::npos &&
                     octets.find("$@") == std::string_view::npos;
  if (plain) return std::string(octets);
  const auto guess = guess_charset(octets);
  if (guess.charset == kUsAscii) return std::string(octets);
  auto text = decoded(guess.charset, octets);
  repairs.add(RepairKind::raw_octets, where,
              "raw octets outside of encoded words; guessed " + confidence(guess));
  name_notes(text.notes, guess.charset, where, repairs);
  return std::move(text.text);
}

}  // namespace hikyaku::mime
