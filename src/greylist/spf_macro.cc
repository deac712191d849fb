#include "greylist/spf_macro.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <vector>

#include "base/escape.h"
#include "base/octet_set.h"

namespace hikyaku::greylist {
namespace {

constexpr std::size_t kLongestName = 253;
// What is kept while a name or an explanation grows: more than can be of use, and no more than that.
constexpr std::size_t kMostExpanded = 4096;

constexpr OctetSet kDigits("0123456789");
constexpr auto kLetters = OctetSet("").with_range('a', 'z').with_range('A', 'Z');
constexpr auto kAlphanumeric = kLetters.with_range('0', '9');
constexpr auto kUnreserved = kAlphanumeric.with_range('-', '.').with_range('_', '_').with_range('~', '~');
constexpr auto kLiteral = OctetSet("").with_range(0x21, 0x24).with_range(0x26, 0x7e);
constexpr OctetSet kDelimiters(".-+,/_=");
constexpr std::string_view kTermLetters = "slodiphv", kExplanationLetters = "crt";

std::unexpected<Error> malformed(std::string_view what, std::string_view why) {
  return fail(Fault::malformed, "\"" + escaped(what, 60) + "\" " + std::string(why));
}

/// What follows "%{", without the '}'.
Result<SpfMacroPiece> read_macro(std::string_view inside, SpfMacroUse use) {
  SpfMacroPiece piece;
  piece.expands = true;
  if (inside.empty() || !kLetters.has(inside[0])) return malformed(inside, "begins with no macro letter");
  piece.url = inside[0] >= 'A' && inside[0] <= 'Z';
  piece.letter = piece.url ? static_cast<char>(inside[0] - 'A' + 'a') : inside[0];
  const bool of_explanations = kExplanationLetters.contains(piece.letter);
  if (!of_explanations && !kTermLetters.contains(piece.letter)) return malformed(inside, "is no macro");
  if (of_explanations && use != SpfMacroUse::explanation) {
    return malformed(inside, "is a macro of explanations alone");
  }
  auto rest = inside.substr(1);
  if (!rest.empty() && kDigits.has(rest[0])) {
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), piece.kept);
    // More parts than any value has are all parts.
    if (error == std::errc::result_out_of_range) {
      piece.kept = 0;
    } else if (piece.kept == 0) {
      return malformed(inside, "keeps no part of its value");
    }
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
  }
  if (!rest.empty() && (rest[0] == 'r' || rest[0] == 'R')) {
    piece.reversed = true;
    rest.remove_prefix(1);
  }
  piece.delimiters = rest;
  if (!std::all_of(rest.begin(), rest.end(), [](char c) { return kDelimiters.has(c); })) {
    return malformed(inside, "has something else than digits, r and delimiters behind its letter");
  }
  return piece;
}

/// "1.0.0.0...8.b.d.0.1.0.0.2" the right way round, or "192.0.2.7".
std::string dotted(const table::Ip& ip) {
  if (ip.family() == table::Ip::Family::v4) return ip.text();
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const auto octet : ip.octets()) {
    if (!out.empty()) out += '.';
    out += kHex[octet >> 4U];
    out += '.';
    out += kHex[octet & 15U];
  }
  return out;
}

std::string value_of(char letter, const SpfMacroValues& values) {
  switch (letter) {
    case 's':
      return std::string(values.local_part).append("@").append(values.sender_domain);
    case 'l':
      return std::string(values.local_part);
    case 'o':
      return std::string(values.sender_domain);
    case 'd':
      return std::string(values.domain);
    case 'i':
      return dotted(values.client);
    case 'p':
      return std::string(values.validated);
    case 'v':
      return values.client.family() == table::Ip::Family::v4 ? "in-addr" : "ip6";
    case 'h':
      return std::string(values.helo);
    case 'c':
      return values.client.text();
    case 'r':
      return values.receiver.empty() ? "unknown" : std::string(values.receiver);
    case 't':
      return std::to_string(
          std::chrono::duration_cast<std::chrono::seconds>(values.time.time_since_epoch()).count());
    default:
      return {};
  }
}

std::string transformed(std::string value, const SpfMacroPiece& piece) {
  if (piece.kept == 0 && !piece.reversed && piece.delimiters.empty()) return value;
  const OctetSet delimiters(piece.delimiters.empty() ? "." : piece.delimiters);
  std::vector<std::string_view> parts;
  const std::string_view whole = value;
  for (std::size_t begin = 0, i = 0; i <= whole.size(); ++i) {
    if (i < whole.size() && !delimiters.has(whole[i])) continue;
    parts.push_back(whole.substr(begin, i - begin));
    begin = i + 1;
  }
  if (piece.reversed) std::reverse(parts.begin(), parts.end());
  const std::size_t kept = piece.kept == 0 ? parts.size() : std::min<std::size_t>(piece.kept, parts.size());
  std::string out;
  for (std::size_t i = parts.size() - kept; i < parts.size(); ++i) {
    if (i > parts.size() - kept) out += '.';
    out += parts[i];
  }
  return out;
}

std::string url_escaped(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if (kUnreserved.has(c)) {
      out += c;
      continue;
    }
    const auto octet = static_cast<unsigned char>(c);
    out += '%';
    out += kHex[octet >> 4U];
    out += kHex[octet & 15U];
  }
  return out;
}

void append(std::string& out, const SpfMacroPiece& piece, const SpfMacroValues& values) {
  if (piece.letter == 0) {
    out += piece.literal;
    return;
  }
  auto value = transformed(value_of(piece.letter, values), piece);
  out += piece.url ? url_escaped(value) : value;
}

bool is_top_label(std::string_view label) {
  return !label.empty() && label.front() != '-' && label.back() != '-' &&
         std::all_of(label.begin(), label.end(), [](char c) { return c == '-' || kAlphanumeric.has(c); }) &&
         !std::all_of(label.begin(), label.end(), [](char c) { return kDigits.has(c); });
}

}  // namespace

Result<SpfMacroPiece> SpfMacroPiece::take(std::string_view& text, SpfMacroUse use) {
  SpfMacroPiece piece;
  if (text[0] != '%') {
    const auto* const end = std::find_if(text.begin(), text.end(), [use](char c) {
      return !kLiteral.has(c) && !(c == ' ' && use == SpfMacroUse::explanation);
    });
    const auto size = static_cast<std::size_t>(end - text.begin());
    if (size == 0) return malformed(text.substr(0, 1), "may not stand in an SPF record");
    piece.literal = text.substr(0, size);
    text.remove_prefix(size);
    return piece;
  }
  piece.expands = true;
  const char next = text.size() > 1 ? text[1] : '\0';
  if (next == '{') {
    const auto close = text.find('}');
    if (close == std::string_view::npos) return malformed(text, "is not closed by a '}'");
    const auto inside = text.substr(2, close - 2);
    text.remove_prefix(close + 1);
    return read_macro(inside, use);
  }
  if (next != '%' && next != '_' && next != '-') {
    return malformed(text.substr(0, 2), "is no macro: write %% for a percent sign");
  }
  piece.literal = next == '%' ? "%" : next == '_' ? " " : "%20";
  text.remove_prefix(2);
  return piece;
}

Result<void> check_spf_macros(std::string_view text, SpfMacroUse use) {
  while (!text.empty()) {
    const auto piece = SpfMacroPiece::take(text, use);
    if (!piece) return std::unexpected(piece.error());
  }
  return {};
}

Result<void> check_spf_domain(std::string_view text) {
  if (text.empty()) return fail(Fault::malformed, "the domain is missing");
  std::string_view last;
  for (auto rest = text; !rest.empty();) {
    const auto piece = SpfMacroPiece::take(rest, SpfMacroUse::term);
    if (!piece) return std::unexpected(piece.error());
    last = piece->expands ? std::string_view() : piece->literal;
  }
  if (last.empty()) return {};
  if (last.ends_with('.')) last.remove_suffix(1);
  const auto dot = last.rfind('.');
  if (dot != std::string_view::npos && is_top_label(last.substr(dot + 1))) return {};
  if (table::Ip::parse(text)) return malformed(text, "is an address: write ip4: or ip6:");
  return malformed(text, "ends in no dot and top-level domain");
}

bool uses_spf_macro(std::string_view text, char letter) {
  while (!text.empty()) {
    const auto piece = SpfMacroPiece::take(text, SpfMacroUse::explanation);
    if (!piece) return false;
    if (piece->letter == letter) return true;
  }
  return false;
}

std::string expand_spf_domain(std::string_view spec, const SpfMacroValues& values) {
  std::string name;
  while (!spec.empty()) {
    const auto piece = SpfMacroPiece::take(spec, SpfMacroUse::term);
    if (!piece) return {};
    append(name, *piece, values);
    if (name.size() > kMostExpanded) name.erase(0, name.size() - kMostExpanded);
  }
  if (name.ends_with('.')) name.pop_back();
  std::string_view kept = name;
  while (kept.size() > kLongestName) {
    const auto dot = kept.find('.');
    if (dot == std::string_view::npos) return {};
    kept.remove_prefix(dot + 1);
  }
  return std::string(kept);
}

std::string expand_spf_explanation(std::string_view text, const SpfMacroValues& values) {
  std::string out;
  while (!text.empty() && out.size() < kLongestExplanation) {
    const auto piece = SpfMacroPiece::take(text, SpfMacroUse::explanation);
    if (!piece) return {};
    append(out, *piece, values);
  }
  if (out.size() > kLongestExplanation) out.resize(kLongestExplanation);
  for (char& c : out) {
    if (c < 0x20 || c > 0x7e) c = '?';
  }
  return out;
}

}  // namespace hikyaku::greylist
