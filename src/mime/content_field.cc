#include "mime/content_field.h"

#include <utility>

#include "mail/header.h"
#include "mime/header_text.h"

namespace hikyaku::mime {
namespace {

/// Walks over the value of a field.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}
  bool ended() const { return at_ >= text_.size(); }
  char peek() const { return text_[at_]; }
  void step() { ++at_; }

  /// What stands before the next of `ends`, without comments.
  std::string up_to(std::string_view ends) {
    std::string out;
    while (!ended() && ends.find(peek()) == std::string_view::npos) {
      if (peek() == '(') {
        skip_comment();
      } else {
        if (peek() != '\r' && peek() != '\n') out += peek();
        step();
      }
    }
    return std::string(trimmed(out));
  }
  void skip_blanks() {
    while (!ended() && (is_blank(peek()) || peek() == '(')) peek() == '(' ? skip_comment() : step();
  }
  std::string quoted() {
    std::string out;
    for (step(); !ended() && peek() != '"'; step()) {
      if (peek() == '\r' || peek() == '\n') continue;
      // A backslash that nothing follows, or one in a Windows path: only a quote or another is escaped.
      if (peek() == '\\' && at_ + 1 < text_.size() && (text_[at_ + 1] == '"' || text_[at_ + 1] == '\\'))
        step();
      out += peek();
    }
    if (!ended()) step();
    return out;
  }

 private:
  void skip_comment() {
    if (none_closes_) return step();
    const auto begin = at_;
    int depth = 0;
    for (; !ended(); step()) {
      if (peek() == '\\') {
        step();
        if (ended()) break;
      } else if (peek() == '(') {
        ++depth;
      } else if (peek() == ')' && --depth == 0) {
        return step();
      }
    }
    // Never closed: it was no comment, and what follows counts. Nor does another one of them close.
    none_closes_ = true;
    at_ = begin + 1;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  bool none_closes_ = false;
};

FieldParameter read_parameter(Scanner& scanner) {
  FieldParameter parameter;
  parameter.name = scanner.up_to("=;");
  std::transform(parameter.name.begin(), parameter.name.end(), parameter.name.begin(), lower);
  if (scanner.ended() || scanner.peek() != '=') return parameter;
  scanner.step();
  scanner.skip_blanks();
  if (!scanner.ended() && scanner.peek() == '"') {
    parameter.value = scanner.quoted();
    scanner.up_to(";");
  } else {
    parameter.value = scanner.up_to(";");
  }
  return parameter;
}

}  // namespace

ContentField ContentField::parse(std::string_view value) {
  ContentField field;
  Scanner scanner(value);
  for (const char c : scanner.up_to(";"))
    if (!is_blank(c)) field.word += lower(c);
  while (!scanner.ended() && field.parameters.size() < kMaxParameters) {
    scanner.step();
    auto parameter = read_parameter(scanner);
    if (!parameter.name.empty()) field.parameters.push_back(std::move(parameter));
  }
  return field;
}

const std::string* ContentField::parameter(std::string_view name) const {
  for (const auto& one : parameters)
    if (one.name == name) return &one.value;
  return nullptr;
}

ContentHeader ContentHeader::read(std::string_view header_section) {
  ContentHeader header;
  bool type = false, disposition = false, encoding = false;
  mail::HeaderFields fields(header_section);
  while (const auto field = fields.next()) {
    const auto name = mail::header_kind(field->name).name;
    if (name == mail::HeaderName::content_type && !std::exchange(type, true)) {
      header.type = ContentField::parse(field->value);
      if (header.type.word.find('/') == std::string::npos) header.type.word.clear();
    } else if (name == mail::HeaderName::content_disposition && !std::exchange(disposition, true)) {
      header.disposition = ContentField::parse(field->value);
    } else if (name == mail::HeaderName::content_transfer_encoding && !std::exchange(encoding, true)) {
      header.encoding = ContentField::parse(field->value).word;
    }
  }
  return header;
}

std::optional<std::string> ContentHeader::boundary() const {
  std::string found;
  if (const auto* whole = type.parameter("boundary")) {
    found = *whole;
  } else {
    for (unsigned piece = 0; piece < ContentField::kMaxParameters; ++piece) {
      const auto* next = type.parameter("boundary*" + std::to_string(piece));
      if (next == nullptr) break;
      found += *next;
    }
  }
  // White space at its end can't be told from what gateways add to lines (RFC 2046 s. 5.1.1).
  while (!found.empty() && is_blank(found.back())) found.pop_back();
  if (found.empty()) return std::nullopt;
  return found;
}

bool ContentHeader::identity() const {
  return encoding.empty() || encoding == "7bit" || encoding == "8bit" || encoding == "binary";
}

}  // namespace hikyaku::mime
