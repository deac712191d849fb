#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "mail/address.h"
#include "record/queue_id.h"

namespace hikyaku::record {

/// RFC 3461 s. 4.1 NOTIFY. All false: not given.
struct Notify {
  bool never = false;
  bool success = false;
  bool failure = false;
  bool delay = false;
  bool given() const { return never || success || failure || delay; }
  bool operator==(const Notify&) const = default;
};

enum class RecipientState : std::uint8_t {
  pending,    ///< to be tried, again or for the first time
  delivered,  ///< the next hop or the mailbox has it
  bounced,    ///< given up
  expanded,   ///< replaced by other recipients or another message
};

struct Recipient {
  mail::Address address;   ///< where it goes: after all rewriting
  mail::Address original;  ///< as it was given at RCPT
  std::string orcpt;  ///< RFC 3461 s. 4.2 ORCPT as received ("rfc822;joe+2Bx@example.org"); empty: not given
  Notify notify;
  RecipientState state = RecipientState::pending;
  bool reported = false;       ///< the notice that this state calls for is on its way
  std::uint32_t attempts = 0;  ///< how often its delivery was tried
  std::string status;          ///< RFC 3463 code of the last try: "4.4.1"; empty: never tried
  std::string reply;           ///< what the last try said: "connect to mx.example[192.0.2.1]:25: refused"
  bool operator==(const Recipient&) const = default;
};

/// Who handed the message in.
struct Client {
  std::string address;  ///< "192.0.2.7", "2001:db8::1"; empty for mail made here
  std::uint16_t port = 0;
  std::string name;  ///< by reverse DNS, confirmed; "unknown"
  std::string helo;
  std::string protocol;     ///< RFC 3848: "SMTP", "ESMTP", "ESMTPSA", "LMTP"; empty for mail made here
  std::string sasl_method;  ///< "PLAIN"; empty without AUTH
  std::string sasl_user;
  std::string tls_version;  ///< "TLSv1.3"; empty without TLS
  std::string tls_cipher;
  bool operator==(const Client&) const = default;
};

enum class BodyType : std::uint8_t { seven_bit, eight_bit };       ///< RFC 6152 BODY
enum class ReturnContent : std::uint8_t { unset, full, headers };  ///< RFC 3461 s. 4.3 RET
enum class RewriteContext : std::uint8_t { remote, local };        ///< local_header_rewrite_clients

/// One message in the queue: all but its body and its ledger.
struct QueueEntry {
  QueueId id;
  Time arrival{};
  mail::Address sender;
  std::vector<Recipient> recipients;
  Client client;

  std::uint64_t size = 0;         ///< octets of the message as it is stored
  std::uint64_t header_size = 0;  ///< of these the header section with its empty line
  std::string blob;               ///< the body's name in the Blob; empty: the body is in the Kv
  BodyType body_type = BodyType::seven_bit;
  bool smtputf8 = false;  ///< RFC 6531
  ReturnContent ret = ReturnContent::unset;
  std::string envid;  ///< RFC 3461 s. 4.4 ENVID as received (xtext); empty: not given
  RewriteContext rewrite_context = RewriteContext::remote;

  Time next_attempt{};
  Time last_attempt{};  ///< 1970: never tried
  std::uint32_t attempts = 0;
  bool hold = false;
  std::string hold_reason;
  bool warned = false;   ///< the notice of delay was sent
  std::string filter;    ///< "transport:nexthop" that stands over routing (FILTER); empty: none
  std::string redirect;  ///< REDIRECT: all recipients are replaced by this one; empty: none
  /// How many pieces of ledger the queue keeps for it. Counted by queue::Queue; leave it alone.
  std::uint32_t ledger_pieces = 0;

  bool operator==(const QueueEntry&) const = default;
};

/// The stored form: a version octet, the fields, and the CRC-32C of all before it (four octets,
/// little-endian); first and last stay so in every version.
std::string encode(const QueueEntry& entry);
/// Fails with Fault::corrupt when octets are cut, added or changed, and with Fault::permanent when a newer
/// program wrote it. Pure; O(size).
Result<QueueEntry> decode_queue_entry(std::string_view stored);

}  // namespace hikyaku::record
