#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/origin.h"
#include "policy/restriction.h"
#include "table/address_lookup.h"
#include "table/match_list.h"

namespace hikyaku::policy {

struct Codes {  ///< SMTP reply codes that main.cf may change
  int access_map_reject = 554, access_map_defer = 450, reject = 554, defer = 450, relay_domains_reject = 554,
      invalid_hostname = 501, non_fqdn = 504, unknown_address = 450, unknown_client = 450,
      unknown_hostname = 450, maps_rbl = 554, multi_recipient_bounce = 550, plaintext = 450,
      unknown_local_recipient = 550, unknown_relay_recipient = 550, unknown_virtual_alias = 550,
      unknown_virtual_mailbox = 550;
};

/// Tables with the setting that names them.
struct Listing {
  std::string setting;  ///< "local_recipient_maps"
  table::Maps maps;
  Origin origin;
};

/// One service's access rules, compiled. Names in brackets are Postfix's.
struct Settings {
  RestrictionList client, helo, sender, relay, recipient, data, end_of_data, etrn;
  table::DomainList fast_flush;  ///< fast_flush_domains: whose mail ETRN may ask for
  Origin fast_flush_origin;
  RestrictionClasses classes;          ///< for lists that access tables answer with
  bool delay_reject = true;            ///< smtpd_delay_reject
  bool relay_before_recipient = true;  ///< smtpd_relay_before_recipient_restrictions
  bool sasl_enabled = false;           ///< smtpd_sasl_auth_enable
  bool soft_bounce = false;
  bool allow_untrusted_routing = false;
  bool show_unknown_table = true;         ///< show_user_unknown_table_name
  bool reject_unlisted_recipient = true;  ///< smtpd_reject_unlisted_recipient
  bool reject_unlisted_sender = false;
  bool check_unknown_recipients = true;  ///< receive_override_options without no_unknown_recipient_checks
  Origin reject_unlisted_recipient_origin, reject_unlisted_sender_origin;
  Codes codes;
  enum class OnTemporary : unsigned char { defer_if_permit, defer };
  OnTemporary unknown_address_temporary = OnTemporary::defer_if_permit;  ///< unknown_address_tempfail_action
  OnTemporary unknown_helo_temporary = OnTemporary::defer_if_permit;

  std::vector<table::Ip> own_addresses;  ///< inet_interfaces (permit_inet_interfaces)
  table::NetworkList mynetworks;
  Origin mynetworks_origin;
  table::Maps relay_clientcerts;
  Origin relay_clientcerts_origin;
  Listing sender_login;  ///< smtpd_sender_login_maps
  Listing local_recipients, virtual_mailboxes, relay_recipients, virtual_aliases, canonical, sender_canonical,
      recipient_canonical;
  table::Maps rbl_replies;             ///< rbl_reply_maps
  std::string default_rbl_reply;       ///< default_rbl_reply, $names as they are
  std::string null_access_key = "<>";  ///< smtpd_null_access_lookup_key
  table::Parents access_parents =
      table::Parents::by_name;  ///< smtpd_access_maps in parent_domain_matches_subdomains
  std::shared_ptr<const table::LocalDomains> local_domains;
  table::Delimiters delimiters;
};

/// How much one client may do (anvil). 0: no limit.
struct RateLimits {
  std::chrono::seconds unit{60};      ///< anvil_rate_time_unit
  std::size_t connection_count = 50;  ///< smtpd_client_connection_count_limit
  std::size_t connection_rate = 0;    ///< smtpd_client_connection_rate_limit, for each unit, as the next
  std::size_t message_rate = 0;       ///< smtpd_client_message_rate_limit
  std::size_t recipient_rate = 0;     ///< smtpd_client_recipient_rate_limit
  std::size_t new_tls_rate = 0;       ///< smtpd_client_new_tls_session_rate_limit
  std::size_t auth_rate = 0;          ///< smtpd_client_auth_rate_limit
  table::NetworkList exceptions;      ///< smtpd_client_event_limit_exceptions
};

}  // namespace hikyaku::policy
