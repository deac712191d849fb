#pragma once
#include <compare>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hikyaku::mail {

/// A mail address in Postfix's "internal form": the local part without its quotes, and the domain as it was
/// written (case kept), which may be absent ("user" typed by hand) or a literal ("[192.0.2.1]").
/// The empty Address is the null sender, <>. Holds no NUL, CR or LF.
class Address {
 public:
  Address() = default;

  /// Reads RFC 5321 s. 4.1.2 Mailbox syntax without angle brackets (quoted or dot-string local part, domain
  /// or literal; UTF-8 as RFC 6531), and a local part alone. No source route. Fails with Fault::malformed,
  /// naming the octet. Pure; O(size).
  static Result<Address> parse(std::string_view external);
  /// Takes an internal form as it is and splits it at its last '@'. Fails only on NUL, CR and LF.
  static Result<Address> from_internal(std::string_view internal);

  bool null() const { return local_.empty() && !has_domain_; }
  const std::string& local() const { return local_; }
  /// Without '@'; empty when absent.
  const std::string& domain() const { return domain_; }
  bool has_domain() const { return has_domain_; }
  /// "joe q@example.com": the form of lookup keys. "" for the null sender.
  std::string internal() const;
  /// "\"joe q\"@example.com": the form for SMTP and headers, quoted where RFC 5321 needs it. "" for null.
  std::string text() const;
  auto operator<=>(const Address&) const = default;

 private:
  std::string local_, domain_;
  bool has_domain_ = false;
};

}  // namespace hikyaku::mail
