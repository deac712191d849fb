#include "mail/header.h"

#include <algorithm>
#include <array>
#include <utility>

namespace hikyaku::mail {
namespace {

bool blank(char c) { return c == ' ' || c == '\t'; }

/// The first line of `text`, with its line end.
std::string_view first_line(std::string_view text) {
  const auto end = text.find('\n');
  return text.substr(0, end == std::string_view::npos ? text.size() : end + 1);
}

std::string_view without_line_end(std::string_view line) {
  if (line.ends_with('\n')) line.remove_suffix(1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

/// Octets before the colon, or npos when the line is no header (RFC 5322 s. 2.2, and s. 4.5 for white space
/// before the colon).
std::size_t colon_of(std::string_view line) {
  const auto colon = line.find(':');
  if (colon == std::string_view::npos || colon == 0) return std::string_view::npos;
  bool spaces = false;
  for (const char c : line.substr(0, colon)) {
    if (blank(c)) {
      spaces = true;
    } else if (spaces || static_cast<unsigned char>(c) < 33 || static_cast<unsigned char>(c) > 126) {
      return std::string_view::npos;
    }
  }
  return blank(line.front()) ? std::string_view::npos : colon;
}

/// "From joe Mon Nov  2", or ">From ": what a mailbox file puts before a message.
bool mailbox_line(std::string_view line) {
  line.remove_prefix(std::min(line.find_first_not_of('>'), line.size()));
  return line.starts_with("From ");
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

int compare_names(std::string_view a, std::string_view b) {
  const auto size = std::min(a.size(), b.size());
  for (std::size_t i = 0; i < size; ++i) {
    const char left = lower(a[i]), right = lower(b[i]);
    if (left != right) return left < right ? -1 : 1;
  }
  return a.size() == b.size() ? 0 : a.size() < b.size() ? -1 : 1;
}

using N = HeaderName;
using R = HeaderRole;
constexpr HeaderKind kOther{};
// In the order of the names without regard to case.
constexpr std::array kKinds = {
    HeaderKind{N::apparently_to, "Apparently-To", R::recipient, false, false},
    HeaderKind{N::bcc, "Bcc", R::recipient, false, false},
    HeaderKind{N::cc, "Cc", R::recipient, false, false},
    HeaderKind{N::content_description, "Content-Description", R::other, true, false},
    HeaderKind{N::content_disposition, "Content-Disposition", R::other, true, false},
    HeaderKind{N::content_id, "Content-ID", R::other, true, false},
    HeaderKind{N::content_length, "Content-Length", R::other, false, false},
    HeaderKind{N::content_transfer_encoding, "Content-Transfer-Encoding", R::other, true, false},
    HeaderKind{N::content_type, "Content-Type", R::other, true, false},
    HeaderKind{N::date, "Date", R::other, false, false},
    HeaderKind{N::delivered_to, "Delivered-To", R::other, false, false},
    HeaderKind{N::disposition_notification_to, "Disposition-Notification-To", R::sender, false, false},
    HeaderKind{N::errors_to, "Errors-To", R::sender, false, false},
    HeaderKind{N::from, "From", R::sender, false, false},
    HeaderKind{N::mail_followup_to, "Mail-Followup-To", R::sender, false, false},
    HeaderKind{N::message_id, "Message-Id", R::other, false, false},
    HeaderKind{N::mime_version, "MIME-Version", R::other, true, false},
    HeaderKind{N::received, "Received", R::other, false, false},
    HeaderKind{N::reply_to, "Reply-To", R::sender, false, false},
    HeaderKind{N::resent_bcc, "Resent-Bcc", R::recipient, false, true},
    HeaderKind{N::resent_cc, "Resent-Cc", R::recipient, false, true},
    HeaderKind{N::resent_date, "Resent-Date", R::other, false, true},
    HeaderKind{N::resent_from, "Resent-From", R::sender, false, true},
    HeaderKind{N::resent_message_id, "Resent-Message-Id", R::other, false, true},
    HeaderKind{N::resent_reply_to, "Resent-Reply-To", R::recipient, false, true},
    HeaderKind{N::resent_sender, "Resent-Sender", R::sender, false, true},
    HeaderKind{N::resent_to, "Resent-To", R::recipient, false, true},
    HeaderKind{N::return_path, "Return-Path", R::sender, false, false},
    HeaderKind{N::return_receipt_to, "Return-Receipt-To", R::sender, false, false},
    HeaderKind{N::sender, "Sender", R::sender, false, false},
    HeaderKind{N::subject, "Subject", R::other, false, false},
    HeaderKind{N::to, "To", R::recipient, false, false},
};

}  // namespace

HeaderEnd find_header_end(std::string_view message) {
  std::size_t at = 0;
  while (at < message.size()) {
    const auto line = first_line(message.substr(at));
    const auto text = without_line_end(line);
    if (text.empty()) return {at, at + line.size(), false};
    const bool header = (at > 0 && blank(text.front())) || colon_of(text) != std::string_view::npos ||
                        (at == 0 && mailbox_line(text));
    if (!header) return {at, at, true};
    at += line.size();
  }
  return {at, at, false};
}

std::optional<HeaderField> HeaderFields::next() {
  if (rest_.empty()) return std::nullopt;
  auto size = first_line(rest_).size();
  HeaderField field;
  const auto line = without_line_end(rest_.substr(0, size));
  const auto colon = mailbox_line(line) && first_ ? std::string_view::npos : colon_of(line);
  first_ = false;
  while (size < rest_.size() && blank(rest_[size])) size += first_line(rest_.substr(size)).size();
  field.raw = rest_.substr(0, size);
  field.text = without_line_end(field.raw);
  rest_.remove_prefix(size);
  if (colon == std::string_view::npos) {
    field.value = field.text;
    return field;
  }
  field.name = field.text.substr(0, colon);
  while (blank(field.name.back())) field.name.remove_suffix(1);
  field.value = field.text.substr(colon + 1);
  return field;
}

std::optional<HeaderField> read_header(std::string_view text) {
  auto field = HeaderFields(text).next();
  return field && !field->name.empty() ? field : std::nullopt;
}

const HeaderKind& header_kind(std::string_view name) {
  const auto* const found = std::lower_bound(kKinds.begin(), kKinds.end(), name,
                                             [](const HeaderKind& kind, std::string_view wanted) {
                                               return compare_names(kind.canonical, wanted) < 0;
                                             });
  return found != kKinds.end() && compare_names(found->canonical, name) == 0 ? *found : kOther;
}

bool same_header_name(std::string_view a, std::string_view b) { return compare_names(a, b) == 0; }

}  // namespace hikyaku::mail
