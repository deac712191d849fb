#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "base/dns.h"
#include "base/result.h"
#include "mail/address.h"
#include "table/ip.h"

namespace hikyaku::policy {

/// How a lookup of the client's name in DNS ended.
enum class NameStatus : unsigned char {
  ok,
  temporary,  ///< no answer from DNS
  unknown,    ///< there is none
  forged,     ///< the name does not have the client's address
};

/// What is known of the client. Views must live through the call only.
struct Client {
  std::optional<table::Ip> ip;
  std::string_view address;           ///< the same as text, without brackets
  std::string_view name = "unknown";  ///< verified: its addresses hold the client's
  NameStatus name_status = NameStatus::unknown;
  std::string_view reverse_name = "unknown";  ///< what the reverse lookup said, not verified
  NameStatus reverse_name_status = NameStatus::unknown;
  std::string_view sasl_user;                ///< empty: not logged in
  bool tls = false;                          ///< the session is encrypted
  bool certificate_trusted = false;          ///< it showed a certificate that a trusted CA signed
  std::string_view certificate_fingerprint;  ///< "AB:CD:..."; empty: no certificate
  std::string_view public_key_fingerprint;
  std::string_view certificate_name;  ///< its subject's common name
  bool bad_pipelining = false;        ///< it sent commands ahead of time

  /// "mail.example.com[192.0.2.1]", for replies and logs
  std::string text() const;
};

/// Which class of domains an address belongs to, for access decisions.
enum class DomainClass : unsigned char { local, virtual_alias, virtual_mailbox, relay, other };

/// What the router says of an address.
struct Resolution {
  mail::Address address;  ///< after user%domain@here and its like are resolved, lower case
  DomainClass domain_class = DomainClass::other;
  std::string transport;
  std::string nexthop;   ///< of error: and retry: the text
  bool invalid = false;  ///< no address at all: 501
  bool routed = false;   ///< a routing operator is left in its local part
};

/// Port to the router: completes an address (as from MAIL or RCPT) and resolves it. Fails with
/// Fault::temporary when a table can't answer. Thread-safe.
class AddressResolver {
 public:
  AddressResolver() = default;
  AddressResolver(const AddressResolver&) = delete;
  AddressResolver& operator=(const AddressResolver&) = delete;
  virtual ~AddressResolver() = default;
  virtual Result<Resolution> resolve(const mail::Address& sender, const mail::Address& address) const = 0;
};

}  // namespace hikyaku::policy
