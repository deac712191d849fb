#include "mime/charset_guess.h"

#include <uchardet/uchardet.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <optional>
#include <vector>

#include "mime/script_likelihood.h"
#include "mime/text_decoder.h"
#include "mime/unicode.h"

namespace hikyaku::mime {
namespace {

constexpr std::size_t kLooked = 65536;
constexpr Charset kWindows1252{CharsetKind::other, JapaneseForm::none, "windows-1252", "CP1252"};
/// What an octet with the 8th bit costs where nothing is known of it: ln 128; and what it costs that the text
/// is none of the charsets that mail in Japan has.
constexpr double kUnknownOctet = 4.85, kUnknownText = 6.0;
constexpr double kAsciiCost = 3.0;

bool eight_bit(char c) { return (c & '\x80') != 0; }

struct Reading {
  Charset charset;
  double cost = 0;
  DecodeNotes notes;
  ScriptLikelihood script;
};

/// How `octets` read in the charset; nullopt where this system can't.
std::optional<Reading> read_as(const Charset& charset, double against, std::string_view octets, bool cut) {
  auto decoder = TextDecoder::open(charset);
  if (!decoder) return std::nullopt;
  std::string text;
  decoder->feed(octets, text);
  if (!cut) decoder->finish(text);
  const auto script = script_likelihood(text);
  return Reading{charset, script.cost + against, decoder->notes(), script};
}

std::string counted(std::size_t count, std::string_view what) {
  return std::to_string(count) + " " + std::string(what);
}

std::string described(const Reading& reading) {
  std::string text;
  const auto add = [&](std::size_t count, std::string_view what) {
    if (count > 0) text += (text.empty() ? "" : ", ") + counted(count, what);
  };
  add(reading.script.kana, "kana");
  add(reading.script.half_kana, "half-width kana");
  add(reading.script.kanji, "kanji");
  add(reading.script.other, "other characters");
  add(reading.script.replaced, "that it has not");
  return std::string(reading.charset.name) + " reads " + (text.empty() ? "nothing" : text);
}

CharsetGuess seven_bit(std::string_view octets, bool cut) {
  const bool escapes =
      octets.find("\x1b$") != std::string_view::npos || octets.find("\x1b(") != std::string_view::npos;
  const auto reading = read_as(kIso2022Jp, 0, octets, cut);
  if (reading && reading->notes.lost_escape)
    return {kIso2022Jp, 0.9, "escapes of ISO-2022-JP without their ESC octets"};
  if (reading && escapes && reading->notes.replaced == 0)
    return {kIso2022Jp, 1.0, "escapes of ISO-2022-JP, and only characters that it has"};
  if (reading && escapes && reading->script.kana + reading->script.kanji > 0)
    return {kIso2022Jp, 0.8, "escapes of ISO-2022-JP; " + described(*reading)};
  return {kUsAscii, 1.0, "no octet has the 8th bit, and there is no escape"};
}

struct Detector {
  uchardet_t handle = ::uchardet_new();
  Detector() = default;
  Detector(const Detector&) = delete;
  Detector& operator=(const Detector&) = delete;
  ~Detector() { ::uchardet_delete(handle); }
};

/// What uchardet takes the octets for, where they are that without fault.
std::optional<CharsetGuess> by_uchardet(std::string_view octets, bool cut) {
  const Detector detector;
  if (::uchardet_handle_data(detector.handle, octets.data(), octets.size()) != 0) return std::nullopt;
  ::uchardet_data_end(detector.handle);
  const std::string name = ::uchardet_get_charset(detector.handle);
  const auto charset = charset_by_label(name);
  if (!charset || charset->kind != CharsetKind::other)
    return std::nullopt;  // ours know the Japanese ones better
  const auto reading = read_as(*charset, 0, octets, cut);
  if (!reading || reading->notes.replaced > 0) return std::nullopt;
  return CharsetGuess{*charset, 0.5, "uchardet takes it for " + name};
}

double cost_of_unknown(std::string_view octets) {
  const auto high = static_cast<double>(std::count_if(octets.begin(), octets.end(), eight_bit));
  return high * kUnknownOctet + (static_cast<double>(octets.size()) - high) * kAsciiCost + kUnknownText;
}

}  // namespace

CharsetGuess guess_charset(std::string_view octets) {
  const bool cut = octets.size() > kLooked;
  octets = octets.substr(0, kLooked);
  if (ascii_run(octets) == octets.size()) return seven_bit(octets, cut);
  // Octets that happen to be well-formed UTF-8 are UTF-8: that rarely happens.
  constexpr std::array<std::pair<Charset, double>, 4> kCandidates = {
      {{kUtf8, 0.0}, {kShiftJis, 3.0}, {kEucJp, 3.0}, {kIso2022Jp, 4.0}}};
  std::vector<Reading> readings;
  for (const auto& [charset, against] : kCandidates) {
    if (charset == kIso2022Jp && octets.find('\x1b') == std::string_view::npos) continue;
    if (auto reading = read_as(charset, against, octets, cut)) readings.push_back(std::move(*reading));
  }
  std::sort(readings.begin(), readings.end(),
            [](const Reading& a, const Reading& b) { return a.cost < b.cost; });
  const auto unknown = cost_of_unknown(octets);
  const auto& best = readings.front();
  double all = std::exp(best.cost - unknown);
  for (const auto& reading : readings) all += std::exp(best.cost - reading.cost);
  const bool utf8 = best.charset == kUtf8 && best.notes.replaced == 0;
  if (best.cost > unknown && !utf8) {
    if (auto guess = by_uchardet(octets, cut)) return *guess;
    if (best.notes.replaced > 0) return {kWindows1252, 0.0, "nothing fits; " + described(best)};
  }
  auto reason = described(best);
  if (readings.size() > 1) reason += "; " + described(readings[1]);
  const double confidence = utf8 ? std::max(1 / all, 0.6) : 1 / all;
  return {best.charset, std::min(confidence, 0.99), reason};
}

}  // namespace hikyaku::mime
