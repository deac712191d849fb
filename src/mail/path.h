#pragma once
#include <compare>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "mail/address.h"

namespace hikyaku::mail {

/// A reverse-path or forward-path of SMTP (RFC 5321 s. 4.1.2): an address in angle brackets. The default
/// Path is the null reverse-path, <>.
class Path {
 public:
  /// strict: angle brackets are required, and nothing but RFC 5321 is an address
  /// (strict_rfc821_envelopes = yes).
  /// lenient: also an address without brackets up to the next blank, blanks before the path and within the
  /// brackets, and local parts with dots where RFC 5321 has none ("a..b@docomo.example"), as Postfix does.
  enum class Form : unsigned char { strict, lenient };

  /// A path and what stands behind it (ESMTP parameters, blanks in front removed). Points into the input.
  struct Taken;

  Path() = default;
  explicit Path(Address address) : address_(std::move(address)) {}

  /// Reads a path off the front of `text`, which is what stands behind "MAIL FROM:" or "RCPT TO:". A source
  /// route ("@a,@b:") is dropped (RFC 5321 s. 4.1.1.3 and appendix C). A local part without a domain is left
  /// without one ("postmaster"). UTF-8 is allowed (RFC 6531), other octets over 127 are not. Fails with
  /// Fault::malformed. Pure; O(size).
  static Result<Taken> take(std::string_view text, Form form);
  /// Reads `text`, a path and nothing else.
  static Result<Path> parse(std::string_view text, Form form = Form::strict);

  const Address& address() const { return address_; }
  Address release() { return std::move(address_); }
  bool null() const { return address_.null(); }
  /// Has an octet over 127, and so needs SMTPUTF8 on its way.
  bool needs_utf8() const;
  /// "<\"joe q\"@example.com>", "<>"
  std::string text() const;
  auto operator<=>(const Path&) const = default;

 private:
  Address address_;
};

struct Path::Taken {
  Path path;
  std::string_view rest;
};

}  // namespace hikyaku::mail
