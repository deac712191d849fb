#include "mime/inline_words.h"

#include <utility>

#include "mime/encoded_word.h"

namespace hikyaku::mime {
namespace {

constexpr std::size_t kNone = std::string_view::npos;

bool word_octet(char c) { return c > ' ' && c < 127 && c != '?'; }

/// The size of the encoded word that begins `text`; 0: none does.
std::size_t word_size(std::string_view text) {
  if (!text.starts_with("=?")) return 0;
  std::size_t at = 2;
  while (at < text.size() && word_octet(text[at])) ++at;
  if (at == 2 || at + 2 >= text.size() || text[at] != '?' || text[at + 2] != '?') return 0;
  if (std::string_view("BbQq").find(text[at + 1]) == kNone) return 0;
  at += 3;
  while (at < text.size() && text[at] != '?' && text[at] != '\r' && text[at] != '\n') ++at;
  return text.substr(at).starts_with("?=") ? at + 2 : 0;
}

/// Blanks, and line ends that a blank follows.
std::size_t gap_size(std::string_view text) {
  std::size_t at = 0;
  for (;;) {
    if (at < text.size() && (text[at] == ' ' || text[at] == '\t')) {
      ++at;
      continue;
    }
    const auto line_end = text.substr(at).starts_with("\r\n") ? 2U
                          : text.substr(at).starts_with("\n") ? 1U
                                                              : 0U;
    if (line_end == 0 || at + line_end >= text.size() ||
        (text[at + line_end] != ' ' && text[at + line_end] != '\t'))
      return at;
    at += line_end;
  }
}

/// Words that follow each other, with what is between them.
std::size_t run_size(std::string_view text) {
  std::size_t size = word_size(text);
  for (auto next = size; next > 0;) {
    next += gap_size(text.substr(next));
    const auto word = word_size(text.substr(next));
    if (word == 0) break;
    next += word;
    size = next;
  }
  return size;
}

void decode(std::string_view text, std::string& out) {
  for (auto at = text.find("=?"); at != kNone; at = text.find("=?")) {
    out += text.substr(0, at);
    text.remove_prefix(at);
    const auto size = run_size(text);
    if (size == 0) {
      out += text.substr(0, 2);
      text.remove_prefix(2);
      continue;
    }
    out += decode_header_value(text.substr(0, size)).text;
    text.remove_prefix(size);
  }
  out += text;
}

/// How much of `text` can be read by itself: up to the last line that no word's line may go on in.
std::size_t complete(std::string_view text) {
  const auto first = text.find("=?");
  if (first == kNone) return text.size() - (text.ends_with('=') ? 1 : 0);
  // The lines of the last word wait for one that does not begin with a blank.
  for (auto end = text.rfind('\n'); end != kNone && end > first; end = text.rfind('\n', end - 1)) {
    const bool next_known = end + 1 < text.size();
    if (next_known && text[end + 1] != ' ' && text[end + 1] != '\t') return end + 1;
    if (end == 0) break;
  }
  const auto line = text.rfind('\n', first);
  return line == kNone ? 0 : line + 1;
}

}  // namespace

void InlineWords::feed(std::string_view text, std::string& out) {
  std::string joined;
  if (!held_.empty()) {
    joined = std::exchange(held_, {});
    joined += text;
    text = joined;
  }
  auto ready = complete(text);
  if (text.size() - ready > kHeld) ready = text.size();
  decode(text.substr(0, ready), out);
  held_ = text.substr(ready);
}

void InlineWords::finish(std::string& out) {
  decode(held_, out);
  held_.clear();
}

}  // namespace hikyaku::mime
