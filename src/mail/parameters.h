#pragma once
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

namespace hikyaku::mail {

/// Why a list of ESMTP parameters was refused.
struct ParameterFault {
  enum class Kind : unsigned char {
    unknown,    ///< no parameter that we know: 555 5.5.4
    malformed,  ///< a bad value, or given twice: 501 5.5.4
  };
  Kind kind;
  std::string keyword;  ///< upper case, at most 64 octets, printable ASCII ("?" for others)
  bool operator==(const ParameterFault&) const = default;
};

enum class BodyType : unsigned char { unspecified, seven_bit, eight_bit_mime };  // RFC 6152
enum class DsnReturn : unsigned char { unspecified, full, headers };             // RFC 3461 s. 4.3

/// The parameters of MAIL FROM. Values are decoded (no xtext).
struct MailParameters {
  std::optional<std::uint64_t> size;  ///< SIZE=, octets (RFC 1870)
  BodyType body = BodyType::unspecified;
  bool smtputf8 = false;  ///< RFC 6531 s. 3.4
  DsnReturn ret = DsnReturn::unspecified;
  std::string envid;                ///< ENVID=, at most 100 octets encoded; empty: none given
  std::optional<std::string> auth;  ///< AUTH= (RFC 4954 s. 5), "" for AUTH=<>

  /// Reads "SIZE=100 BODY=8BITMIME"; keywords and fixed values in any case, blanks between. BINARYMIME is
  /// malformed: we do not offer it. Pure; O(size).
  static std::expected<MailParameters, ParameterFault> parse(std::string_view text);
  /// Appends " SIZE=100 ...", each with a blank in front, in a fixed order; nothing when all are unset.
  void append_to(std::string& out) const;
  bool operator==(const MailParameters&) const = default;
};

/// NOTIFY= of RFC 3461 s. 4.1: a set of events. Unset (no bit) leaves it to the server: failure, delay.
struct Notify {
  static constexpr std::uint8_t kNever = 1, kSuccess = 2, kFailure = 4, kDelay = 8;
  std::uint8_t bits = 0;
  bool unset() const { return bits == 0; }
  bool never() const { return (bits & kNever) != 0; }
  bool on_success() const { return (bits & kSuccess) != 0; }
  bool on_failure() const { return unset() || (bits & kFailure) != 0; }
  bool on_delay() const { return unset() || (bits & kDelay) != 0; }
  bool operator==(const Notify&) const = default;
};

/// The parameters of RCPT TO. Values are decoded.
struct RecipientParameters {
  Notify notify;
  std::string orcpt_type;  ///< "rfc822", as written; empty: no ORCPT
  std::string orcpt;       ///< the address that the sender gave

  static std::expected<RecipientParameters, ParameterFault> parse(std::string_view text);
  void append_to(std::string& out) const;
  bool operator==(const RecipientParameters&) const = default;
};

}  // namespace hikyaku::mail
