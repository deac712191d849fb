#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "mail/address.h"
#include "milter/edit.h"

namespace hikyaku::milter {

/// An address of an edit, read as the SMTP server reads one, brackets or not; `purpose` is for the error:
/// "the new sender". Fails with Fault::malformed on text that is no address.
Result<mail::Address> envelope_address(std::string_view text, std::string_view purpose);

/// Sender and recipients of a message while filters change them. The results are what Postfix 3.7 has.
struct EnvelopeEdits {
  mail::Address sender;
  std::string sender_parameters;  ///< of the last ChangeSender; Postfix ignores them
  struct Recipient {
    mail::Address address;
    std::string parameters;  ///< "NOTIFY=NEVER ORCPT=...", of AddRecipient
    bool operator==(const Recipient&) const = default;
  };
  std::vector<Recipient> recipients;

  enum class Outcome : unsigned char {
    done,
    nothing,   ///< there is no such recipient to remove, or the one to add has no address: worth a log line
    not_mine,  ///< an edit of something else
  };
  /// Applies it. An address is read as the SMTP server reads it, brackets or not. RemoveRecipient takes away
  /// all recipients of exactly this address; AddRecipient asks not whether it is there. Fails with
  /// Fault::malformed on text that is no address.
  Result<Outcome> apply(const Edit& edit);
};

}  // namespace hikyaku::milter
