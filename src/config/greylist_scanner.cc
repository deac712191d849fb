#include "config/greylist_scanner.h"

#include <algorithm>
#include <utility>

#include "base/escape.h"

namespace hikyaku::config {
namespace {

constexpr std::size_t kShown = 40;  // octets of a token in a message

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
bool is_word(char c) { return (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9') || c == '_'; }

}  // namespace

GreylistScanner::GreylistScanner(std::string_view text, std::uint32_t file, Diagnostics& diagnostics)
    : text_(text), file_(file), diagnostics_(diagnostics) {
  diagnostics.keep_source(file, text);
}

void GreylistScanner::skip() {
  while (at_ < text_.size()) {
    if (is_blank(text_[at_])) {
      ++at_;
    } else if (text_[at_] == '#') {
      at_ = std::min(text_.find('\n', at_), text_.size());
    } else if (text_[at_] == '\\') {
      const auto end = text_.find('\n', at_);
      if (end == std::string_view::npos) {
        at_ = text_.size();
        return;
      }
      at_ = line_begin_ = end + 1;
      ++line_;
    } else {
      return;
    }
  }
}

void GreylistScanner::next_line() {
  at_ = std::min(text_.find('\n', at_), text_.size());
  if (at_ == text_.size()) return;
  line_begin_ = ++at_;
  ++line_;
}

bool GreylistScanner::next_statement() {
  if (begun_) {
    // What is left of a statement that went wrong is not read as tokens any more: a backslash after a blank
    // is all that makes it go on.
    bool goes_on = true;
    while (goes_on && at_ < text_.size()) {
      const auto rest = text_.substr(at_, text_.find('\n', at_) - at_);
      goes_on = failed_ && (rest.starts_with('\\') || rest.find(" \\") != std::string_view::npos ||
                            rest.find("\t\\") != std::string_view::npos);
      next_line();
    }
  }
  begun_ = true;
  failed_ = false;
  while (at_end()) {
    if (at_ == text_.size()) return false;
    next_line();
  }
  return true;
}

bool GreylistScanner::at_end() {
  skip();
  return at_ == text_.size() || text_[at_] == '\n';
}

void GreylistScanner::end() {
  if (!failed_ && !at_end()) expected("the end of the line");
}

Origin GreylistScanner::here() {
  skip();
  return {file_, line_};
}

void GreylistScanner::mark() {
  skip();
  marked_ = at_;
}

std::string GreylistScanner::marked() const {
  std::string out;
  bool blank = false;
  for (std::size_t i = marked_; i < last_to_; ++i) {
    if (text_[i] == '\\') {
      // A continuation, unless it stands within a token: then the rest of the line is no more than that
      // token.
      const auto end = text_.find('\n', i);
      if (end < last_to_ && i > marked_ && is_blank(text_[i - 1])) {
        i = end;
        blank = true;
        continue;
      }
    }
    if (is_blank(text_[i]) || text_[i] == '\n') {
      blank = true;
      continue;
    }
    if (blank && !out.empty()) out += ' ';
    blank = false;
    out += text_[i];
  }
  return out;
}

unsigned GreylistScanner::column(std::size_t offset) const {
  return static_cast<unsigned>(offset - line_begin_ + 1);
}

void GreylistScanner::tell(Diagnostic::Level level, std::size_t offset, std::uint32_t line,
                           std::string text) {
  const auto begin = line == last_line_ && offset == last_from_ ? last_line_begin_ : line_begin_;
  diagnostics_.add({level, {file_, line}, static_cast<unsigned>(offset - begin + 1), std::move(text), {}});
}

std::string_view GreylistScanner::token() const {
  auto end = at_;
  while (end < text_.size() && !is_blank(text_[end]) && text_[end] != '\n') ++end;
  return text_.substr(at_, std::min(std::max(end - at_, std::size_t{1}), kShown));
}

void GreylistScanner::expected(std::string_view what) {
  if (failed_) return;
  std::string text(what);
  text += " is expected here";
  if (at_end()) {
    text += ", and the line ends";
  } else {
    text.append(", not \"").append(escaped(token())).append("\"");
  }
  failed_ = true;
  diagnostics_.add({Diagnostic::Level::error, {file_, line_}, column(at_), std::move(text), {}});
}

void GreylistScanner::error(std::string text) {
  if (failed_) return;
  failed_ = true;
  tell(Diagnostic::Level::error, last_from_, last_line_, std::move(text));
}

void GreylistScanner::warning(std::string text) {
  if (!failed_) tell(Diagnostic::Level::warning, last_from_, last_line_, std::move(text));
}

void GreylistScanner::took(std::size_t from) {
  last_from_ = from;
  last_to_ = at_;
  last_line_ = line_;
  last_line_begin_ = line_begin_;
}

std::string_view GreylistScanner::run(bool (*belongs)(char)) {
  skip();
  if (failed_) return {};
  const auto from = at_;
  while (at_ < text_.size() && belongs(text_[at_])) ++at_;
  if (at_ == from) return {};
  took(from);
  return text_.substr(from, at_ - from);
}

std::string GreylistScanner::word() {
  std::string out(run(is_word));
  std::transform(out.begin(), out.end(), out.begin(), lower);
  // "greylist: 1h" and the like, as they were written once.
  if (!out.empty() && at_ < text_.size() && text_[at_] == ':') ++at_;
  return out;
}

bool GreylistScanner::next_is_word(std::string_view word) {
  skip();
  if (failed_ || text_.size() - at_ < word.size()) return false;
  for (std::size_t i = 0; i < word.size(); ++i)
    if (lower(text_[at_ + i]) != word[i]) return false;
  const auto end = at_ + word.size();
  return end == text_.size() || !is_word(text_[end]);
}

bool GreylistScanner::take_word(std::string_view word) {
  if (!next_is_word(word)) return false;
  this->word();
  return true;
}

bool GreylistScanner::next_is(char character) {
  skip();
  return !failed_ && at_ < text_.size() && text_[at_] == character;
}

bool GreylistScanner::take(char character) {
  if (!next_is(character)) return false;
  const auto from = at_++;
  took(from);
  return true;
}

std::optional<std::string> GreylistScanner::quoted() { return enclosed('"'); }
std::optional<std::string> GreylistScanner::regex() { return enclosed('/'); }

std::optional<std::string> GreylistScanner::enclosed(char delimiter) {
  if (!next_is(delimiter)) return std::nullopt;
  const auto from = at_;
  const auto line_end = std::min(text_.find('\n', at_), text_.size());
  const auto line = text_.substr(at_ + 1, line_end - at_ - 1);
  // The first delimiter without a backslash before it; or, where there is none, the last one.
  std::size_t end = std::string_view::npos;
  for (std::size_t i = line.find(delimiter); i != std::string_view::npos; i = line.find(delimiter, i + 1)) {
    end = i;
    if (i == 0 || line[i - 1] != '\\') break;
  }
  if (end == std::string_view::npos) {
    at_ = line_end;
    took(from);
    error(delimiter == '"' ? "the quote is not closed on its line" : "the slash is not closed on its line");
    return std::string();
  }
  at_ = from + end + 2;
  took(from);
  if (end > kQuotedLimit) {
    error("that is longer than " + std::to_string(kQuotedLimit) + " octets");
    return std::string();
  }
  return std::string(line.substr(0, end));
}

}  // namespace hikyaku::config
