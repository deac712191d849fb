#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "mail/header.h"
#include "rewrite/content_checks.h"

namespace hikyaku::rewrite {

/// A header section that is being changed field by field: what is not changed is copied in one piece, and
/// nothing is copied when nothing changes. Fields are given in their order.
class HeaderOutput {
 public:
  explicit HeaderOutput(std::string_view section) : section_(section) {}

  void drop(const mail::HeaderField& field) { skip(field); }
  /// `text` without the last line end; folds are '\n'.
  void replace(const mail::HeaderField& field, std::string_view text) {
    skip(field);
    append_header_text(out_, text);
  }
  /// `text` with CRLF folds, without the last line end.
  void replace_raw(const mail::HeaderField& field, std::string_view text) {
    skip(field);
    out_ += text;
    out_ += "\r\n";
  }
  void insert_before(const mail::HeaderField& field, std::string_view text) {
    copy_to(offset(field));
    append_header_text(out_, text);
  }
  /// After the last field.
  void append(std::string_view text) {
    copy_to(section_.size());
    if (!out_.empty() && !out_.ends_with('\n')) out_ += "\r\n";
    append_header_text(out_, text);
  }
  /// The new section, or nullopt when it is the very same.
  std::optional<std::string> finish() {
    if (!changed_) return std::nullopt;
    copy_to(section_.size());
    return std::move(out_);
  }

 private:
  std::size_t offset(const mail::HeaderField& field) const {
    return static_cast<std::size_t>(field.raw.data() - section_.data());
  }
  void copy_to(std::size_t end) {
    if (!changed_) out_.reserve(section_.size() + 512);
    changed_ = true;
    out_ += section_.substr(copied_, end - copied_);
    copied_ = end;
  }
  void skip(const mail::HeaderField& field) {
    copy_to(offset(field));
    copied_ += field.raw.size();
  }

  std::string_view section_;
  std::string out_;
  std::size_t copied_ = 0;
  bool changed_ = false;
};

/// The address of a header with just one in its plainest form, "Joe User <joe@a.example>" or "joe@a.example",
/// which no parsing could read in another way. nullopt for all other headers, which need mail::AddressList.
std::optional<std::string_view> sole_plain_address(std::string_view value);

}  // namespace hikyaku::rewrite
