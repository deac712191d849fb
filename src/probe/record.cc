#include "probe/record.h"

#include <array>
#include <cstdio>

#include "base/utf8.h"

namespace hikyaku::probe {
namespace {

constexpr std::string_view kSecret = "<secret>";

void put_hex(std::string& out, std::string_view octets) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  for (const char c : octets) {
    const auto octet = static_cast<unsigned char>(c);
    out += "\\x";
    out += kDigits[octet >> 4];
    out += kDigits[octet & 15];
  }
}

/// One character of UTF-8 that a terminal obeys, or that makes a line read as another one.
bool is_obeyed(std::string_view character) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(character[i]); };
  if (character.size() == 1) return at(0) < 0x20 || at(0) == 0x7f;
  if (character.size() == 2) return (at(0) == 0xc2 && at(1) < 0xa0) || (at(0) == 0xd8 && at(1) == 0x9c);
  if (character.size() != 3 || at(0) != 0xe2) return false;
  // U+200E, U+200F, U+2028..U+202E, U+2066..U+2069
  if (at(1) == 0x80) return at(2) == 0x8e || at(2) == 0x8f || (at(2) >= 0xa8 && at(2) <= 0xae);
  return at(1) == 0x81 && at(2) >= 0xa6 && at(2) <= 0xa9;
}

std::string_view mark(const Entry& entry) {
  switch (entry.kind) {
    case Entry::Kind::sent:
      return entry.tls ? " ~> " : " -> ";
    case Entry::Kind::received:
      if (entry.unexpected) return entry.tls ? "<~* " : "<** ";
      return entry.tls ? "<~  " : "<-  ";
    case Entry::Kind::note:
      return "=== ";
    case Entry::Kind::failure:
      break;
  }
  return "*** ";
}

std::string_view colour(const Entry& entry) {
  if (entry.kind == Entry::Kind::failure || entry.unexpected) return "\033[31m";
  if (entry.kind == Entry::Kind::note) return "\033[36m";
  return entry.kind == Entry::Kind::sent ? "\033[1m" : "";
}

std::string_view kind_name(Entry::Kind kind) {
  static constexpr std::array<std::string_view, 4> kNames{"sent", "received", "note", "failure"};
  return kNames[static_cast<std::size_t>(kind)];
}

std::string seconds(std::chrono::microseconds time, int digits) {
  std::array<char, 32> text{};
  const int size = std::snprintf(text.data(), text.size(), "%.*f", digits,
                                 static_cast<double>(time.count()) / 1'000'000.0);
  return {text.data(), static_cast<std::size_t>(size)};
}

/// `backslash` is what one becomes.
std::string made_safe(std::string_view text, std::string_view backslash) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const auto length = utf8_length(text);
    const auto piece = text.substr(0, length == 0 ? 1 : length);
    if (length == 0 || is_obeyed(piece)) {
      put_hex(out, piece);
    } else if (piece == "\\") {
      out += backslash;
    } else {
      out += piece;
    }
    text.remove_prefix(piece.size());
  }
  return out;
}

std::string masked(std::string_view text, std::size_t secret_from, bool show_secrets) {
  if (show_secrets || secret_from >= text.size()) return shown(text);
  return shown(text.substr(0, secret_from)) + std::string(kSecret);
}

}  // namespace

std::string shown(std::string_view text) { return made_safe(text, "\\\\"); }

std::string shown_text(const Entry& entry, bool show_secrets) {
  // What we say ourselves quotes others with shown() already.
  if (entry.kind == Entry::Kind::note || entry.kind == Entry::Kind::failure)
    return made_safe(entry.text, "\\");
  return masked(entry.text, entry.secret_from, show_secrets);
}

std::string shown_decoded(const Entry& entry, bool show_secrets) {
  return masked(entry.decoded, entry.decoded_secret_from, show_secrets);
}

void TextSink::put(const Entry& entry) {
  if (style_.hide_notes && entry.kind == Entry::Kind::note) return;
  std::string line;
  const auto coloured = style_.colour ? colour(entry) : std::string_view{};
  line += coloured;
  line += mark(entry);
  line += shown_text(entry, style_.show_secrets);
  if (entry.has_decoded) line += "   ← \"" + shown_decoded(entry, style_.show_secrets) + '"';
  if (style_.show_time) {
    line += "   (" + seconds(entry.at, 3) + " s, +" + seconds(entry.at - last_, 4) + ")";
    last_ = entry.at;
  }
  if (!coloured.empty()) line += "\033[0m";
  line += '\n';
  write_(line);
}

std::string json_quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < 0x20) {
      out += "\\u00";
      out += "0123456789abcdef"[static_cast<unsigned char>(c) >> 4];
      out += "0123456789abcdef"[static_cast<unsigned char>(c) & 15];
    } else {
      out += c;
    }
  }
  return out + '"';
}

void JsonSink::put(const Entry& entry) {
  std::string line = "{\"kind\":" + json_quoted(kind_name(entry.kind));
  line += std::string(",\"tls\":") + (entry.tls ? "true" : "false");
  line += ",\"seconds\":" + seconds(entry.at, 6);
  line += ",\"text\":" + json_quoted(shown_text(entry, show_secrets_));
  if (entry.unexpected) line += ",\"unexpected\":true";
  if (entry.has_decoded) line += ",\"decoded\":" + json_quoted(shown_decoded(entry, show_secrets_));
  line += "}\n";
  write_(line);
}

void KeepingSink::put(const Entry& entry) {
  if (entries_.size() == most_) entries_.erase(entries_.begin());
  entries_.push_back(entry);
}

std::string KeepingSink::text(bool show_secrets) const {
  std::string out;
  TextSink sink({.show_secrets = show_secrets}, [&](std::string_view line) { out += line; });
  for (const auto& entry : entries_) sink.put(entry);
  return out;
}

}  // namespace hikyaku::probe
