#include "rewrite/body_inspection.h"

#include <algorithm>
#include <utility>

#include "mail/header.h"

namespace hikyaku::rewrite {
namespace {

bool blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/// Reads the words of a Content-Type (RFC 2045 s. 5.1), with comments skipped. An empty word is the end.
class TypeWords {
 public:
  explicit TypeWords(std::string_view text) : text_(text) {}

  std::string next() {
    skip_space();
    std::string word;
    if (at_ == text_.size()) return word;
    if (text_[at_] == '"') {
      for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) {
        if (text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
        if (text_[at_] != '\n') word += text_[at_];
      }
      if (at_ < text_.size()) ++at_;
      return word;
    }
    constexpr std::string_view kMarks = "()<>@,;:\\\"/[]?=";
    while (at_ < text_.size() && !blank(text_[at_]) && kMarks.find(text_[at_]) == std::string_view::npos) {
      word += text_[at_++];
    }
    if (word.empty()) word = text_[at_++];
    return word;
  }
  bool at_end() {
    skip_space();
    return at_ == text_.size();
  }

 private:
  void skip_space() {
    for (int depth = 0; at_ < text_.size(); ++at_) {
      if (text_[at_] == '(') {
        ++depth;
      } else if (text_[at_] == ')' && depth > 0) {
        --depth;
      } else if (depth == 0 && !blank(text_[at_])) {
        return;
      }
    }
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

bool same(std::string_view a, std::string_view b) { return mail::same_header_name(a, b); }

}  // namespace

BodyInspection::BodyInspection(BodyChecks checks, std::size_t body_size, CheckedBy by,
                               std::string_view section, bool over, Explanation& why)
    : checks_(checks), body_size_(body_size), by_(by), why_(why) {
  actions_.checks_over = over;
  mail::HeaderFields fields(section);
  while (const auto field = fields.next()) {
    if (mail::header_kind(field->name).name == mail::HeaderName::content_type)
      read_content_type(field->value);
  }
  end_header();
}

void BodyInspection::read_content_type(std::string_view value) {
  TypeWords words(value);
  const auto type = words.next();
  content_ = ContentType::other;
  if (same(type, "message")) {
    if (words.next() == "/" && same(words.next(), "rfc822")) content_ = ContentType::message;
    return;
  }
  if (!same(type, "multipart")) return;
  content_ = ContentType::multipart;
  const bool digest = words.next() == "/" && same(words.next(), "digest");
  // Each boundary counts, also when there is more than one: nothing hides behind the second.
  while (!words.at_end()) {
    if (words.next() != ";" || !same(words.next(), "boundary") || words.next() != "=") continue;
    auto boundary = words.next();
    boundary.resize(std::min(boundary.size(), kBoundaryLimit));
    if (open_.size() < kDepthLimit && !boundary.empty()) open_.push_back({std::move(boundary), digest});
  }
}

void BodyInspection::end_header() {
  state_ = content_ == ContentType::message ? State::nested_header : State::body;
  content_ = ContentType::other;
  offset_ = 0;
}

void BodyInspection::feed(std::string_view bytes, std::string& out) {
  while (!bytes.empty()) {
    const auto end = bytes.find('\n');
    const bool ends = end != std::string_view::npos;
    pending_ += bytes.substr(0, end);
    bytes.remove_prefix(ends ? end + 1 : bytes.size());
    while (pending_.size() > kLineLimit + 1) {
      line(std::string_view(pending_).substr(0, kLineLimit), !line_begun_, false, out);
      line_begun_ = true;
      pending_.erase(0, kLineLimit);
    }
    if (!ends) return;
    if (pending_.ends_with('\r')) pending_.pop_back();
    line(pending_, !line_begun_, true, out);
    pending_.clear();
    line_begun_ = false;
  }
}

void BodyInspection::finish(std::string& out) {
  if (!pending_.empty()) {
    line(pending_, !line_begun_, false, out);
    pending_.clear();
  }
  finish_header_field(out);
}

void BodyInspection::line(std::string_view text, bool begins, bool ends, std::string& out) {
  if (state_ != State::body) {
    if (begins && ends) return header_line(text, out);
    // Too long for a header that anybody needs to check: it passes, and so does what it belongs to.
    finish_header_field(out);
    out += text;
    if (ends) out += "\r\n";
    return;
  }
  if (begins && find_boundary(text)) {
    body_line(text, ends, out);
    state_ = State::part_header;
    return;
  }
  body_line(text, ends, out);
}

void BodyInspection::header_line(std::string_view text, std::string& out) {
  if (!field_.empty() && !text.empty() && blank(text.front())) {
    field_ += '\n';
    field_ += text;
    if (field_.size() > kHeaderLimit) {
      append_header_text(out, field_);
      field_.clear();
    }
    return;
  }
  finish_header_field(out);
  if (text.empty()) {
    end_header();
    return body_line(text, true, out);
  }
  if (mail::read_header(text)) {
    field_ = text;
    return;
  }
  // A line that is no header ends the header; Postfix puts the missing empty line before it.
  content_ = ContentType::other;
  end_header();
  body_line({}, true, out);
  if (find_boundary(text)) state_ = State::part_header;
  body_line(text, true, out);
}

void BodyInspection::finish_header_field(std::string& out) {
  if (field_.empty()) return;
  const auto field = std::exchange(field_, {});
  const auto read = mail::read_header(field);
  const auto& kind = mail::header_kind(read ? read->name : std::string_view{});
  if (kind.name == mail::HeaderName::content_type) read_content_type(read->value);
  const auto& checks = kind.mime || state_ == State::part_header ? checks_.mime : checks_.nested;
  CheckResult result;
  if (!checks.maps.empty() && !actions_.checks_over) {
    result = apply_checks(checks, field, Content::header, by_, actions_, why_);
  }
  if (!result.prepend.empty()) append_header_text(out, result.prepend);
  if (result.kind == CheckResult::Kind::drop) return;
  append_header_text(out, result.kind == CheckResult::Kind::replace ? result.text : field);
}

void BodyInspection::body_line(std::string_view text, bool ends, std::string& out) {
  CheckResult result;
  if (!checks_.body.maps.empty() && !actions_.checks_over && (body_size_ == 0 || offset_ < body_size_)) {
    result = apply_checks(checks_.body, text, Content::body, by_, actions_, why_);
  }
  offset_ += text.size() + (ends ? 1 : 0);
  if (!result.prepend.empty()) out += result.prepend + "\r\n";
  if (result.kind == CheckResult::Kind::drop) return;
  out += result.kind == CheckResult::Kind::replace ? std::string_view(result.text) : text;
  if (ends) out += "\r\n";
}

bool BodyInspection::find_boundary(std::string_view text) {
  if (open_.empty() || !text.starts_with("--")) return false;
  const auto rest = text.substr(2);
  const auto found = std::find_if(open_.rbegin(), open_.rend(),
                                  [rest](const Multipart& part) { return rest.starts_with(part.boundary); });
  if (found == open_.rend()) return false;
  const bool digest = found->digest;
  const bool last = rest.substr(found->boundary.size()).starts_with("--");
  open_.erase(found.base(), open_.end());
  if (last) open_.pop_back();
  content_ = !last && digest ? ContentType::message : ContentType::other;
  return !last;
}

}  // namespace hikyaku::rewrite
