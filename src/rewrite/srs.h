#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/keyed_hash.h"
#include "base/origin.h"
#include "base/result.h"
#include "base/time.h"
#include "mail/address.h"

namespace hikyaku::rewrite {

/// hikyaku_srs_*
struct SrsSettings {
  std::string domain;  ///< what rewritten senders belong to, lower case
  Origin origin;       ///< of hikyaku_srs_domain
  /// The first signs, all are taken: a secret is changed by writing the new one before the old one.
  std::vector<std::string> secrets;
  std::size_t hash_length = 4;  ///< characters of base64
  std::int64_t max_age = 21;    ///< days for which a notice to a rewritten sender is taken
};

/// The Sender Rewriting Scheme, in the form that libsrs2 and postsrsd write: mail that is forwarded leaves
/// with a sender of our own, so that the next server's SPF check asks about us, and a notice to that sender
/// finds its way back.
///
///   joe@example.com                        -> SRS0=HASH=TT=example.com=joe@srs.example
///   SRS0=…@first.example                   -> SRS1=HASH=first.example==…@srs.example
///   SRS1=…=first.example==…@second.example -> SRS1=HASH=first.example==…@srs.example
///
/// TT is the day modulo 1024 in base32, HASH is of all that follows it. Immutable and thread-safe.
class Srs {
 public:
  /// `hash` must outlive it.
  Srs(SrsSettings settings, const KeyedHash& hash) : settings_(std::move(settings)), hash_(hash) {}

  const SrsSettings& settings() const { return settings_; }

  /// The sender that the forwarded mail gets. Fault::permanent when that would be longer than an SMTP path
  /// may be (RFC 5321 s. 4.5.3.1.3, 256 octets) or when the sender has no domain, or one with a '=': it must
  /// leave as it is.
  Result<mail::Address> forward(const mail::Address& sender, Time now) const;

  /// Whether `recipient` has the form of a rewritten sender of ours, whatever its hash.
  bool has_form(const mail::Address& recipient) const;
  /// Whom a notice to such an address is for: the sender that was rewritten, or the forwarder before us.
  /// Fault::permanent when the hash is wrong, the address is too old, or a part is missing.
  Result<mail::Address> reverse(const mail::Address& recipient, Time now) const;

 private:
  std::string signature(const std::string& secret, std::string_view text) const;
  bool signed_by_us(std::string_view hash, std::string_view text) const;

  SrsSettings settings_;
  const KeyedHash& hash_;
};

}  // namespace hikyaku::rewrite
