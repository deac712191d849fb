#include "mail/address_tokens.h"

#include <array>

namespace hikyaku::mail {
namespace {

constexpr std::string_view kMarks = "|%!()<>@,;:\\\".[]";

constexpr std::array<bool, 256> mark_table() {
  std::array<bool, 256> table{};
  for (const char c : kMarks) table[static_cast<unsigned char>(c)] = true;
  return table;
}
constexpr auto kIsMark = mark_table();

bool mark(char c) { return kIsMark[static_cast<unsigned char>(c)]; }
bool blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
bool control(char c) { return static_cast<unsigned char>(c) < 32 || c == 127; }

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  bool next(AddressToken& token) {
    while (at_ < text_.size() && blank(text_[at_])) ++at_;
    if (at_ == text_.size()) return false;
    const char c = text_[at_];
    token.mark = 0;
    token.text.clear();
    if (c == '(') {
      token.kind = AddressToken::Kind::comment;
      comment(token.text);
    } else if (c == '[' || c == '"') {
      token.kind = c == '[' ? AddressToken::Kind::literal : AddressToken::Kind::quoted;
      ++at_;
      enclosed(token.text, c == '[' ? ']' : '"');
    } else if (c != '\\' && mark(c)) {
      token = AddressToken::of(c);
      ++at_;
    } else {
      word(token);
    }
    return true;
  }

 private:
  /// A line end is one blank, whether it is CRLF or LF.
  void put(std::string& out, char c) {
    if (c == '\r' && at_ + 1 < text_.size() && text_[at_ + 1] == '\n') return;
    out += blank(c) ? ' ' : c;
  }

  void enclosed(std::string& out, char end) {
    for (; at_ < text_.size(); ++at_) {
      if (text_[at_] == '\\') {
        if (++at_ == text_.size()) return;
      } else if (text_[at_] == end) {
        ++at_;
        return;
      }
      put(out, text_[at_]);
    }
  }

  void word(AddressToken& token) {
    token.kind = AddressToken::Kind::atom;
    for (; at_ < text_.size(); ++at_) {
      char c = text_[at_];
      if (c == '\\') {
        if (++at_ == text_.size()) break;
        c = text_[at_];
        if (blank(c) || mark(c)) token.kind = AddressToken::Kind::quoted;
      } else if (blank(c) || mark(c)) {
        break;
      }
      if (control(c)) token.kind = AddressToken::Kind::quoted;
      put(token.text, c);
    }
  }

  // Comments stay as they were written, so that a backslash before a parenthesis is not lost.
  void comment(std::string& out) {
    for (int depth = 0; at_ < text_.size();) {
      const char c = text_[at_++];
      if (c == '\r' && at_ < text_.size() && text_[at_] == '\n') continue;
      out += c;
      if (c == '(') {
        ++depth;
      } else if (c == ')') {
        if (--depth == 0) return;
      } else if (c == '\\' && at_ < text_.size()) {
        out += text_[at_++];
      }
    }
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

bool space_after(std::span<const AddressToken> tokens, std::size_t index) {
  if (index + 1 == tokens.size()) return false;
  const auto &token = tokens[index], &next = tokens[index + 1];
  if (token.is(',') || token.kind == AddressToken::Kind::group_start || next.is('<')) return true;
  return token.wordlike() && next.wordlike();
}

void append_escaped(std::string& out, std::string_view text, std::string_view escape) {
  for (const char c : text) {
    if (escape.find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
}

void append_token(std::string& out, const AddressToken& token, bool quotes) {
  switch (token.kind) {
    case AddressToken::Kind::atom:
    case AddressToken::Kind::comment:
      out += token.text;
      break;
    case AddressToken::Kind::quoted:
      if (quotes) {
        out += '"';
        append_escaped(out, token.text, "\"\\\r\n");
        out += '"';
      } else {
        out += token.text;
      }
      break;
    case AddressToken::Kind::literal:
      out += '[';
      if (quotes) {
        append_escaped(out, token.text, "\\\r\n");
      } else {
        out += token.text;
      }
      out += ']';
      break;
    case AddressToken::Kind::group_start:
      out += ':';
      break;
    case AddressToken::Kind::mark:
      out += token.mark;
      break;
  }
}

void append_tokens(std::string& out, std::span<const AddressToken> tokens, Spacing spacing, bool quotes) {
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    append_token(out, tokens[i], quotes);
    if (spacing == Spacing::between_words && space_after(tokens, i)) out += ' ';
  }
}

bool dot_string(std::string_view local) {
  if (local.empty() || local.front() == '.' || local.back() == '.') return false;
  char before = 0;
  for (const char c : local) {
    if (c == '.' && before == '.') return false;
    if (c == ' ' || control(c)) return false;
    if (mark(c) && c != '.' && c != '|' && c != '%' && c != '!') return false;
    before = c;
  }
  return true;
}

std::size_t route_size(std::string_view text) {
  if (text.empty() || text.front() != '@') return 0;
  const auto colon = text.find(':');
  return colon == std::string_view::npos ? 0 : colon + 1;
}

}  // namespace

std::vector<AddressToken> scan_address_tokens(std::string_view external, std::size_t limit) {
  std::vector<AddressToken> tokens;
  tokens.reserve(8);
  Scanner scanner(external);
  AddressToken token;
  while ((limit == 0 || tokens.size() < limit) && scanner.next(token)) tokens.push_back(std::move(token));
  return tokens;
}

void append_internal(std::string& out, std::span<const AddressToken> tokens, Spacing spacing) {
  append_tokens(out, tokens, spacing, false);
}

void append_external(std::string& out, std::span<const AddressToken> tokens, Spacing spacing) {
  append_tokens(out, tokens, spacing, true);
}

std::string quote_bare_local_part(std::string_view local) {
  if (dot_string(local)) return std::string(local);
  std::string out = "\"";
  append_escaped(out, local, "\"\\\r");
  out += '"';
  return out;
}

std::string quote_local_part(std::string_view internal) {
  const auto start = route_size(internal);
  auto end = internal.rfind('@');
  if (end == std::string_view::npos || end < start) end = internal.size();
  const auto local = internal.substr(start, end - start);
  if (dot_string(local)) return std::string(internal);
  std::string out(internal.substr(0, start));
  out += quote_bare_local_part(local);
  out += internal.substr(end);
  return out;
}

std::string unquote_local_part(std::string_view external) {
  const auto start = route_size(external);
  std::string out(external.substr(0, start));
  bool in_quotes = false;
  std::size_t at_in_out = std::string::npos, at_in_text = 0;
  for (auto i = start; i < external.size(); ++i) {
    char c = external[i];
    if (c == '"') {
      in_quotes = !in_quotes;
      continue;
    }
    if (c == '@' && !in_quotes) {
      at_in_out = out.size();
      at_in_text = i;
    } else if (c == '\\') {
      if (i + 1 == external.size()) continue;
      c = external[++i];
    }
    out += c;
  }
  // What follows the last bare '@' is a domain, in which quotes mean nothing.
  if (at_in_out != std::string::npos) {
    out.resize(at_in_out);
    out += external.substr(at_in_text);
  }
  return out;
}

}  // namespace hikyaku::mail
