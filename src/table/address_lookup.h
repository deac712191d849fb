#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "mail/address.h"
#include "table/ip.h"
#include "table/maps.h"

namespace hikyaku::table {

/// Which domains' users may stand in a table without their domain.
class LocalDomains {
 public:
  LocalDomains() = default;
  LocalDomains(const LocalDomains&) = delete;
  LocalDomains& operator=(const LocalDomains&) = delete;
  virtual ~LocalDomains() = default;
  /// True when `domain` is $myorigin, in $mydestination, or "[address]" of one of our own interfaces.
  /// Fault::temporary when a table of $mydestination could not be asked.
  virtual Result<bool> is_local(std::string_view domain) const = 0;
};

/// recipient_delimiter and what is never split by it.
struct Delimiters {
  std::string set;  ///< recipient_delimiter: each octet is a delimiter; empty: no extensions
  bool owner_request_special = true;  ///< with '-' in the set: "owner-list" and "list-request" stay whole
  std::string double_bounce = "double-bounce";  ///< double_bounce_sender: stays whole
};

struct SplitUser {
  std::string_view user;
  std::string_view extension;  ///< with its delimiter, "+ext"; empty when there is none
};

/// Splits a local part at the first delimiter that is not its first octet. "mailer-daemon", "postmaster" and
/// the double-bounce sender are never split. The views point into `local`.
SplitUser split_extension(std::string_view local, const Delimiters& delimiters);

/// The form of the keys made of an address whose local part needs quotes ("joe q"@example.com).
enum class KeyForm : unsigned char {
  internal,        ///< joe q@example.com
  external,        ///< "joe q"@example.com
  external_first,  ///< each key quoted, then, if that differs, bare: what Postfix does for nearly all tables
};

/// An answer, and which key gave it.
struct KeyHit {
  /// What the key was made of.
  enum class By : unsigned char {
    address,            ///< user+ext@domain: all of it
    without_extension,  ///< user@domain
    user,               ///< user+ext, of a local domain; or "user+ext@" in access tables
    user_without_extension,
    domain,    ///< @domain, or domain
    parent,    ///< .parent or parent of the domain, or a network that holds the address
    wildcard,  ///< *
  };
  Found found;
  std::string key;  ///< as it was looked up
  By by = By::address;
  /// "+ext" when the key that matched had the user without it: what propagate_unmatched_extensions may append
  /// to the result. Empty otherwise, also for an @domain hit.
  std::string extension;

  bool propagates() const { return !extension.empty(); }
};
using KeyAnswer = Result<std::optional<KeyHit>>;

/// Address tables: canonical, virtual, generic, bcc, sender_dependent_*, sender_login, sasl_passwd by sender,
/// relocated. Keys in order: user+ext@domain, user@domain, then for a local domain user+ext, user; then
/// @domain. An address without domain has only user+ext, user. Whole addresses only are looked up in pattern
/// tables. For the null sender the caller decides on a key and uses Maps::find. `trail` gets the keys tried;
/// may be null. Thread-safe, pure but for the tables.
KeyAnswer find_address(const Maps& maps, const mail::Address& address, const Delimiters& delimiters,
                       const LocalDomains& local, KeyTrail* trail, KeyForm form = KeyForm::external_first);

/// How parents of a domain stand in a table (parent_domain_matches_subdomains).
enum class Parents : unsigned char {
  by_dot,   ///< ".example.com" for a.example.com
  by_name,  ///< "example.com" for a.example.com
};

/// transport_maps: user+ext@domain, user@domain, domain, parents, "*"; "*" is looked up in pattern tables
/// too. Nothing is looked up for the null address: the caller puts empty_address_recipient in its place.
KeyAnswer find_transport(const Maps& maps, const mail::Address& address, const Delimiters& delimiters,
                         Parents parents, KeyTrail* trail);

/// access(5) for senders and recipients: user+ext@domain, user@domain, domain, parents, user+ext@, user@.
KeyAnswer find_access_address(const Maps& maps, const mail::Address& address, const Delimiters& delimiters,
                              Parents parents, KeyTrail* trail);

/// access(5) for a host or domain name: the name, its parents; an address in place of a name has none. Also
/// for HELO, MX and NS lookups.
KeyAnswer find_access_domain(const Maps& maps, std::string_view domain, Parents parents, KeyTrail* trail);

/// access(5) for an address: the address, then the networks that hold it, an octet (IPv4) or a 16-bit group
/// (IPv6) shorter each time: 192.0.2.7, 192.0.2, 192.0, 192.
KeyAnswer find_access_ip(const Maps& maps, const Ip& ip, KeyTrail* trail);

/// check_client_access: the host name and its parents, then the address and its networks. A client without a
/// name is looked up as "unknown" if that is what `name` says; an empty name is not looked up.
KeyAnswer find_access_client(const Maps& maps, std::string_view name, const Ip& ip, Parents parents,
                             KeyTrail* trail);

}  // namespace hikyaku::table
