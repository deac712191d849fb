#include "mime/word_group.h"

#include <algorithm>
#include <utility>

#include "mime/charset.h"
#include "mime/text_decoder.h"
#include "mime/word_payload.h"

namespace hikyaku::mime {
namespace {

constexpr std::size_t kWordSize = 75;  ///< RFC 2047 s. 2

std::string words_text(std::size_t count) {
  return (count == 2 ? "two" : std::to_string(count)) + std::string(" encoded words");
}

std::string times(std::size_t count, std::string_view what) {
  return std::to_string(count) + " " + std::string(what) + (count == 1 ? "" : "s");
}

void name_payload(const HeaderPiece& word, const WordPayload& payload, std::size_t where, Repairs& repairs) {
  const bool b = word.encoding == 'B';
  if (!word.ended) repairs.add(RepairKind::missing_end, where, "an encoded word without its end \"?=\"");
  if (payload.folds > 0)
    repairs.add(RepairKind::word_folded, where,
                "white space or a line end inside an encoded word; taken out");
  if (word.ended && payload.folds == 0 && word.end - word.begin > kWordSize)
    repairs.add(RepairKind::word_too_long, where,
                "an encoded word of " + std::to_string(word.end - word.begin) + " octets, of 75 at most");
  if (payload.foreign > 0)
    repairs.add(b ? RepairKind::base64_characters : RepairKind::q_characters, where,
                times(payload.foreign, "octet") +
                    (b ? " that base64 has not; left out" : " that must not stand in Q bare"));
  if (payload.inner_padding)
    repairs.add(RepairKind::base64_padding, where,
                "base64 padded in the middle; what is behind was read too");
  if (payload.bad_padding)
    repairs.add(RepairKind::base64_padding, where,
                payload.left_over == 1 ? "base64 with one character too much or three too few"
                                       : "base64 with wrong padding");
}

/// Where ISO-2022-JP octets leave off.
struct ShiftState {
  std::string escape{};  ///< what brought it to another set than ASCII; empty in ASCII
  bool half = false;     ///< behind the first octet of two
  bool doubled() const { return escape.starts_with("\x1b$"); }
};
ShiftState state_after(std::string_view octets, ShiftState state) {
  std::size_t run = 0;  // where the octets behind the last escape begin
  const auto find = [&](std::size_t from) { return octets.find_first_of("\x1b\n", from); };
  for (auto at = find(0); at != std::string_view::npos; at = find(at + 1)) {
    const auto rest = octets.substr(at);
    const std::size_t size = rest.starts_with('\n') ? 1 : rest.starts_with("\x1b$(") ? 4 : 3;
    state.escape = rest.substr(0, size);
    if (rest.starts_with('\n') || state.escape == "\x1b(B" || state.escape == "\x1b(J") state.escape.clear();
    state.half = false;
    run = std::min(at + size, octets.size());
  }
  if ((octets.size() - run) % 2 == 1) state.half = !state.half;
  return state;
}

/// Whether `octets`, which begin without an escape, go on in the set that the word before left off in.
/// Octets that return to ASCII before they leave it surely do; others must all be characters, and likely
/// ones.
bool goes_on(std::string_view octets, const ShiftState& state) {
  const auto run = octets.substr(0, octets.find('\x1b'));
  const auto behind = octets.substr(run.size());
  const bool graphic = std::all_of(run.begin(), run.end(), [](char c) { return c > 0x20 && c < 0x7f; });
  if (run.empty() || !graphic) return false;
  if (behind.starts_with("\x1b(B") || behind.starts_with("\x1b(J")) return true;
  if (!state.doubled()) return false;
  if (state.half) return true;
  const auto read = decode_octets(kIso2022Jp, state.escape + std::string(run) + "\x1b(B");
  if (!read || read->notes.replaced > 0) return false;
  bool kanji = run.size() >= 4;
  for (std::size_t i = 0; i + 1 < run.size(); i += 2) {
    if (run[i] == '$' || run[i] == '%') return true;
    kanji = kanji && run[i] >= '0' && run[i] <= 'O';
  }
  return kanji;
}

/// Puts ISO-2022-JP words together, as if one had been cut, or each for itself where that is what they are.
std::string join_shifted(const std::vector<HeaderPiece>& words, const std::vector<std::string>& octets,
                         std::size_t base, Repairs& repairs) {
  std::string joined;
  ShiftState state;
  std::size_t carried = 0, first = 0, unfinished = 0, first_unfinished = 0;
  for (std::size_t i = 0; i < octets.size(); ++i) {
    if (!state.escape.empty() && !octets[i].empty()) {
      if (!octets[i].starts_with('\x1b') && goes_on(octets[i], state)) {
        if (carried++ == 0) first = words[i - 1].begin;
      } else {
        if (unfinished++ == 0) first_unfinished = words[i - 1].begin;
        joined += "\x1b(B";
        state = {};
      }
    }
    joined += octets[i];
    state = state_after(octets[i], std::move(state));
  }
  if (carried > 0)
    repairs.add(RepairKind::shift_state_carried, base + first,
                "shift state carried over " + words_text(carried + 1) + "; joined before decoding");
  if (unfinished > 0)
    repairs.add(RepairKind::no_return_to_ascii, base + first_unfinished,
                times(unfinished, "encoded word") + " without the escape back to ASCII at the end");
  return joined;
}

std::uint64_t replaced_in(const Charset& charset, std::string_view octets) {
  const auto read = decode_octets(charset, octets);
  return read ? read->notes.replaced : octets.size();
}

/// Puts words of other charsets together, and tells where a character was split between two.
std::string join_plain(const Charset& charset, const std::vector<HeaderPiece>& words,
                       const std::vector<std::string>& octets, std::size_t base, Repairs& repairs) {
  std::string joined;
  for (const auto& one : octets) joined += one;
  if (octets.size() < 2 || charset.kind == CharsetKind::ascii) return joined;
  std::uint64_t apart = 0;
  std::size_t first = octets.size();
  for (std::size_t i = 0; i < octets.size(); ++i) {
    const auto bad = replaced_in(charset, octets[i]);
    if (bad > 0 && first == octets.size()) first = i;
    apart += bad;
  }
  if (apart == 0 || replaced_in(charset, joined) >= apart) return joined;
  repairs.add(RepairKind::character_split, base + words[first].begin,
              "a character split between two encoded words; joined before decoding");
  return joined;
}

std::string joined_octets(const std::optional<Charset>& charset, const std::vector<HeaderPiece>& words,
                          const std::vector<std::string>& octets, std::size_t base, Repairs& repairs) {
  if (charset && charset->kind == CharsetKind::iso_2022_jp) return join_shifted(words, octets, base, repairs);
  return join_plain(charset.value_or(kUsAscii), words, octets, base, repairs);
}

}  // namespace

void decode_word_group(const std::vector<HeaderPiece>& words, std::size_t base, std::string& out,
                       Repairs& repairs) {
  const auto charset = charset_by_label(words.front().label);
  std::vector<std::string> octets;
  std::string whole_base64;
  bool cut_base64 = words.size() > 1;
  Repairs of_payloads;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto& word = words[i];
    auto payload = word.encoding == 'B' ? decode_b(word.payload) : decode_q(word.payload);
    cut_base64 = cut_base64 && word.encoding == 'B' && !payload.inner_padding;
    name_payload(word, payload, base + word.begin, of_payloads);
    if (cut_base64) whole_base64 += word.payload;
    if (i + 1 < words.size()) cut_base64 = cut_base64 && word.payload.find('=') == std::string_view::npos;
    octets.push_back(std::move(payload.octets));
  }
  std::string joined;
  // Base64 that was cut anywhere into words: only the whole of it makes sense.
  const auto whole = cut_base64 ? decode_b(whole_base64) : WordPayload{};
  const bool uneven = std::any_of(words.begin(), words.end() - 1,
                                  [](const auto& word) { return word.payload.size() % 4 != 0; });
  std::string separate;
  for (const auto& one : octets) separate += one;
  if (cut_base64 && uneven && charset &&
      replaced_in(*charset, whole.octets) < replaced_in(*charset, separate)) {
    repairs.add(
        RepairKind::base64_padding, base + words.front().begin,
        "base64 cut into " + words_text(words.size()) + " at no group of four; joined before decoding");
    joined = whole.octets;
  } else {
    repairs.add(std::move(of_payloads));
    joined = joined_octets(charset, words, octets, base, repairs);
  }
  out += decode_labelled({words.front().label, joined, base + words.front().begin}, repairs);
}

}  // namespace hikyaku::mime
