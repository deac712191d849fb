#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "mail/address.h"
#include "milter/edit.h"

namespace hikyaku::milter {

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
    not_there,  ///< RemoveRecipient: none of them
    not_mine,   ///< an edit of something else
  };
  /// Applies it. An address is read as the SMTP server reads it, brackets or not. RemoveRecipient takes away
  /// all recipients of this address: its local part as it is written, its domain in any case. Fails with
  /// Fault::malformed on text that is no address, and for AddRecipient on the null address.
  Result<Outcome> apply(const Edit& edit);
};

}  // namespace hikyaku::milter
