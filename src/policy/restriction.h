#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/origin.h"
#include "table/maps.h"
#include "table/table.h"

namespace hikyaku::policy {

/// One element of a restriction list, compiled.
struct Restriction {
  enum class Kind : std::uint8_t {
    // Generic.
    permit,
    reject,
    defer,
    defer_if_permit,
    defer_if_reject,
    warn_if_reject,
    reject_unauth_pipelining,
    reject_plaintext_session,
    pause,
    restriction_class,
    // A table without a word before it: what it is looked up with depends on the list
    // ("hash:/etc/postfix/access").
    default_access,
    // The client.
    permit_inet_interfaces,
    permit_mynetworks,
    permit_sasl_authenticated,
    permit_tls_clientcerts,
    permit_tls_all_clientcerts,
    reject_unknown_client_hostname,
    reject_unknown_reverse_client_hostname,
    check_client_access,
    check_reverse_client_access,
    check_ccert_access,
    check_sasl_access,
    reject_rbl_client,
    reject_rhsbl_client,
    reject_rhsbl_reverse_client,
    permit_dnswl_client,
    permit_rhswl_client,
    // HELO.
    check_helo_access,
    reject_invalid_helo_hostname,
    reject_non_fqdn_helo_hostname,
    reject_unknown_helo_hostname,
    reject_rhsbl_helo,
    // The sender.
    check_sender_access,
    reject_non_fqdn_sender,
    reject_unknown_sender_domain,
    reject_rhsbl_sender,
    reject_authenticated_sender_login_mismatch,
    reject_known_sender_login_mismatch,
    reject_unauthenticated_sender_login_mismatch,
    reject_sender_login_mismatch,
    reject_unlisted_sender,
    // The recipient.
    check_recipient_access,
    permit_auth_destination,
    permit_mx_backup,
    reject_unauth_destination,
    defer_unauth_destination,
    reject_non_fqdn_recipient,
    reject_unknown_recipient_domain,
    reject_rhsbl_recipient,
    reject_unlisted_recipient,
    reject_multi_recipient_bounce,
    // ETRN.
    check_etrn_access,
    // MX, NS and address hosts of a name, looked up in a table.
    check_client_mx_access,
    check_client_ns_access,
    check_client_a_access,
    check_reverse_client_mx_access,
    check_reverse_client_ns_access,
    check_reverse_client_a_access,
    check_helo_mx_access,
    check_helo_ns_access,
    check_helo_a_access,
    check_sender_mx_access,
    check_sender_ns_access,
    check_sender_a_access,
    check_recipient_mx_access,
    check_recipient_ns_access,
    check_recipient_a_access,
  };
  Kind kind;
  std::string text;  ///< as it was written: "check_client_access cidr:/etc/postfix/clients"
  Origin origin;
  table::Maps map{};       ///< of check_*_access
  std::string argument{};  ///< of reject_rbl_client and its like, the domain; of a class its name; of sleep
                           ///< the seconds
  std::shared_ptr<const std::vector<Restriction>> members{};  ///< of a class
};
using RestrictionList = std::vector<Restriction>;

/// smtpd_restriction_classes: name -> its list.
using RestrictionClasses = std::map<std::string, std::shared_ptr<const RestrictionList>, std::less<>>;

/// What is wrong with a list.
struct RestrictionFault {
  enum class Kind : std::uint8_t {
    unknown_name,  ///< `word` is no restriction and no class: look for the nearest of restriction_names()
    unsupported,   ///< Postfix has it, we don't
    bad_argument,  ///< a table, domain or number is missing or does not open
  };
  Kind kind;
  std::string word;
  Origin origin;
  std::string text;   ///< a sentence; "unknown restriction \"permit_mynetwork\""
  bool fatal = true;  ///< false: a warning, the restriction is taken
};

/// Compiles a list: its elements in order. Names are compared without regard to case. What is faulty is left
/// out and told in `faults`. `opener` may be null: then tables are a bad_argument (results of access tables).
/// Pure but for the opener.
RestrictionList compile_restrictions(std::span<const table::Element> elements,
                                     const RestrictionClasses& classes, table::Opener* opener,
                                     std::vector<RestrictionFault>& faults);

/// All names that compile, sorted, also old ones.
std::span<const std::string_view> restriction_names();

/// Does the list, or a class in it, hold a restriction that refuses mail for strangers
/// (reject_unauth_destination, defer_unauth_destination, reject, defer, defer_if_permit), before any
/// `permit`? Neither smtpd_relay_restrictions nor smtpd_recipient_restrictions having one is an open relay,
/// and a fatal error in Postfix.
bool refuses_relaying(const RestrictionList& list);

}  // namespace hikyaku::policy
