#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/explanation.h"
#include "base/time.h"
#include "mail/address.h"
#include "rewrite/actions.h"
#include "rewrite/settings.h"

namespace hikyaku::rewrite {

class Rewriter;

/// NOTIFY= of RFC 3461 s. 4.1, as bits.
namespace notify {
inline constexpr std::uint8_t kNever = 1, kSuccess = 2, kFailure = 4, kDelay = 8;
}

/// A recipient as RCPT named it.
struct Recipient {
  mail::Address address;
  std::string dsn_original;  ///< ORCPT as it was given, "rfc822;bob+40dest.example"; empty: none
  std::uint8_t notify = 0;   ///< bits of NOTIFY; 0: none given
};

/// A recipient of the queue entry.
struct Expanded {
  enum class From : std::uint8_t { named, sender_bcc, recipient_bcc, always_bcc, header_bcc };
  mail::Address address;   ///< after all rewriting
  mail::Address original;  ///< as RCPT named it; for a bcc the address after canonical mapping
  std::string dsn_original;
  std::uint8_t notify = 0;  ///< without kSuccess when an alias was expanded: that was told by `relayed`
  From from = From::named;
};

/// What came of all recipients of a message.
struct EnvelopeResult {
  std::vector<Expanded> recipients;
  /// Recipients with NOTIFY=SUCCESS whose alias was expanded: each is owed an "expanded" DSN (RFC 3461
  /// s. 5.2.7.1).
  std::vector<Recipient> alias_expanded;
  /// An expansion beyond its limits or a table that can't answer: refuse the message with it.
  std::optional<Refusal> refusal;
  std::vector<std::string> warnings;  ///< loops of canonical maps and the like, for the log
};

/// The envelope of one message on its way through the maps. Call sender() once, then recipient() for each
/// RCPT, then bcc() for each header BCC, then finish(). Not thread-safe; the Rewriter and the Explanation
/// must outlive it. All envelope addresses are rewritten in the local context, whoever the client is.
class EnvelopeRewriting {
 public:
  /// `now`: how old rewritten senders are (SRS) that come back as recipients.
  EnvelopeRewriting(const Rewriter& rewriter, Explanation& why, Time now)
      : rewriter_(rewriter), why_(why), now_(now) {}

  /// completion, mailer-daemon -> <>, sender_canonical_maps, canonical_maps, masquerade; then
  /// sender_bcc_maps.
  mail::Address sender(const mail::Address& given);
  /// completion, SRS back to the sender it stands for, recipient_canonical_maps, canonical_maps, masquerade,
  /// virtual_alias_maps; recipient_bcc_maps.
  void recipient(const Recipient& given);
  /// A BCC action's address: the same, but for recipient_bcc_maps.
  void bcc(const mail::Address& address) { add_bcc(address, Expanded::From::header_bcc); }
  /// Adds always_bcc when there is any recipient.
  EnvelopeResult finish();

 private:
  void add_bcc(const mail::Address& address, Expanded::From from);
  void add_bcc_of(const AddressMap& map, const mail::Address& address, Expanded::From from);
  void take_back_srs(mail::Address& address);
  mail::Address map_recipient(const mail::Address& given);
  void expand(const mail::Address& mapped, const mail::Address& original, const std::string& dsn_original,
              std::uint8_t notify, Expanded::From from);
  void keep(Expanded recipient);
  void refuse(Refusal refusal);

  const Rewriter& rewriter_;
  Explanation& why_;
  Time now_;
  EnvelopeResult result_;
  std::unordered_set<std::string> seen_;
};

}  // namespace hikyaku::rewrite
