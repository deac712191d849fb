#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace hikyaku::mail {

/// Where the header section of a message ends (RFC 5322 s. 2.1). Lines end in CRLF; a bare LF is taken for a
/// line end too, so that text typed by hand can be explained.
struct HeaderEnd {
  std::size_t header = 0;  ///< octets of the header section, without the empty line
  std::size_t body = 0;    ///< where the body begins: after the empty line, or at the first line that is none
  /// The header section ran into a line that is neither header nor empty: an empty line must be put before
  /// it.
  bool separator_missing = false;
};
/// Finds it. Without any body `body` is the size of `message`. Pure; O(size of the header section).
HeaderEnd find_header_end(std::string_view message);

/// One header field as it stands in the message, with its folds.
struct HeaderField {
  std::string_view raw;    ///< all its octets, with the last line end when there is one
  std::string_view text;   ///< raw without the last line end
  std::string_view name;   ///< "From": before the colon, white space before the colon cut off
  std::string_view value;  ///< all octets of `text` after the colon
};

/// Walks over the fields of a header section. The views live as long as the section. A line that is no header
/// (a leading "From " line of a mailbox file, rubbish) comes as a field with an empty name.
class HeaderFields {
 public:
  explicit HeaderFields(std::string_view section) : rest_(section) {}
  std::optional<HeaderField> next();

 private:
  std::string_view rest_;
  bool first_ = true;
};

/// Reads the text of one field. nullopt when it is none: "headername: headervalue" is wanted.
std::optional<HeaderField> read_header(std::string_view text);

/// What Postfix knows of a header name.
enum class HeaderRole : unsigned char {
  other,      ///< passed on as it is
  sender,     ///< holds sender addresses: From, Sender, Reply-To ...
  recipient,  ///< holds recipient addresses: To, Cc, Bcc ...
};
/// The names that the hub treats in a special way.
enum class HeaderName : unsigned char {
  other,
  apparently_to,
  bcc,
  cc,
  content_description,
  content_disposition,
  content_id,
  content_length,
  content_transfer_encoding,
  content_type,
  date,
  delivered_to,
  disposition_notification_to,
  errors_to,
  from,
  mail_followup_to,
  message_id,
  mime_version,
  received,
  reply_to,
  resent_bcc,
  resent_cc,
  resent_date,
  resent_from,
  resent_message_id,
  resent_reply_to,
  resent_sender,
  resent_to,
  return_path,
  return_receipt_to,
  sender,
  subject,
  to,
};
struct HeaderKind {
  HeaderName name = HeaderName::other;
  std::string_view canonical;  ///< "Message-Id": how the name is written when the hub makes the header
  HeaderRole role = HeaderRole::other;
  bool mime = false;    ///< one of MIME's own, seen by mime_header_checks
  bool resent = false;  ///< one of the Resent- headers, which make added headers Resent- too
};
/// Looks a name up without regard to case. HeaderName::other for all others. Pure; no allocation.
const HeaderKind& header_kind(std::string_view name);
/// Compares two names without regard to case.
bool same_header_name(std::string_view a, std::string_view b);

}  // namespace hikyaku::mail
