#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/origin.h"
#include "table/address_lookup.h"
#include "table/maps.h"
#include "table/match_list.h"

namespace hikyaku::rewrite {

class Srs;

/// A text of the configuration with the place where it was written.
struct Text {
  std::string text;
  Origin origin;
};
/// A yes or no of the configuration with the place where it was written.
struct Switch {
  bool on = false;
  Origin origin;
};

/// Where an address stands, as in canonical_classes and masquerade_classes.
enum class AddressClass : std::uint8_t {
  envelope_sender = 1,
  envelope_recipient = 2,
  header_sender = 4,
  header_recipient = 8,
};
/// A set of AddressClass.
struct AddressClasses {
  std::uint8_t bits = 0;
  Origin origin;
  bool has(AddressClass one) const { return (bits & static_cast<std::uint8_t>(one)) != 0; }
};
/// "envelope_sender"
std::string_view class_name(AddressClass one);

/// How short addresses become full ones (trivial-rewrite's settings).
struct CompletionSettings {
  Text myorigin;
  Text mydomain;
  Text remote_domain;  ///< remote_header_rewrite_domain; empty: headers of remote clients are left alone
  Switch append_at_myorigin{true, {}};
  Switch append_dot_mydomain{false, {}};
  Switch swap_bangpath{true, {}};
  Switch allow_percent_hack{true, {}};
};

/// One list of tables that maps an address to another, with the classes of addresses that it is for.
struct AddressMap {
  std::string_view step;     ///< "rewrite.sender_canonical", the step of its ledger entries; a literal
  std::string_view setting;  ///< "sender_canonical_maps"; a literal
  table::Maps maps;          ///< empty: not set
  AddressClasses classes;
  Origin origin;  ///< of the setting
};

struct MasqueradeDomain {
  std::string domain;   ///< lower case, without '!'
  bool exempt = false;  ///< it was written with '!': the domain and all below are left alone
  Origin origin;
};
struct MasqueradeSettings {
  std::vector<MasqueradeDomain> domains;  ///< in the order of the setting; the first that fits decides
  table::StringMatchList exceptions;      ///< user names
  Origin exceptions_origin;
  AddressClasses classes;
};

/// One element of local_header_rewrite_clients.
struct ClientRule {
  enum class Kind : std::uint8_t {
    inet_interfaces,
    mynetworks,
    sasl_authenticated,
    tls_clientcerts,
    tls_all_clientcerts,
    address_map,
  };
  Kind kind;
  std::string text;  ///< as it was written, "check_address_map hash:/etc/postfix/x"
  Origin origin;
  std::shared_ptr<const table::Table> map{};  ///< of address_map; keys are client addresses
};

/// virtual_alias_*_limit
struct ExpansionLimits {
  std::size_t expansion = 1000;
  std::size_t recursion = 1000;
  std::size_t address_length = 1000;
};

/// A list of tables that look at headers or body lines.
struct Checks {
  std::string_view setting;  ///< "header_checks"; a literal
  std::string_view step;     ///< "rewrite.header_checks"; a literal
  table::Maps maps;          ///< empty: not set
  Origin origin;
};

/// What is needed to look an address up in the way of canonical and virtual tables.
struct LookupSettings {
  std::shared_ptr<const table::LocalDomains> local_domains;  ///< whose users may stand without domain
  table::Delimiters delimiters;
  bool propagate_canonical = true;  ///< propagate_unmatched_extensions
  bool propagate_virtual = true;
  bool propagate_generic = false;
};

/// All that the rewriting of arriving mail is governed by.
struct Settings {
  CompletionSettings completion;
  LookupSettings lookup;
  AddressMap sender_canonical, recipient_canonical, canonical;
  MasqueradeSettings masquerade;
  std::shared_ptr<const Srs> srs;  ///< null: hikyaku_srs_domain is not set
  AddressMap virtual_alias;
  ExpansionLimits virtual_limits;
  AddressMap sender_bcc, recipient_bcc;
  Text always_bcc;
  Switch enable_original_recipient{true, {}};
  Text empty_recipient{"MAILER-DAEMON", {}};  ///< empty_address_recipient: stands for RCPT TO:<>

  std::vector<ClientRule>
      local_clients;           ///< local_header_rewrite_clients, in order; the first that fits decides
  Text local_clients_setting;  ///< the whole setting, for explanations (it may be empty)
  std::vector<table::Ip> own_addresses;  ///< inet_interfaces and proxy_interfaces
  table::NetworkList mynetworks;
  table::Maps tls_clientcerts;  ///< relay_clientcerts

  Checks header_checks, mime_header_checks, nested_header_checks, body_checks;
  std::size_t body_checks_size = 51200;  ///< body_checks_size_limit, octets; 0: no limit

  Switch always_add_missing_headers;
  Text undisclosed_recipients;  ///< undisclosed_recipients_header, a whole header; empty: none is added
  std::vector<std::string> drop_headers;  ///< message_drop_headers
  Origin drop_headers_origin;
  std::size_t address_token_limit = 10240;  ///< header_address_token_limit
  std::size_t hop_limit = 50;               ///< hopcount_limit, Received headers
  Origin hop_limit_origin;
  Text hostname;  ///< myhostname
};

/// What the SMTP client changes on the way out.
struct OutboundSettings {
  CompletionSettings completion;
  LookupSettings lookup;
  AddressMap generic;                                                           ///< smtp_generic_maps
  Checks header_checks, mime_header_checks, nested_header_checks, body_checks;  ///< smtp_*_checks
  std::size_t address_token_limit = 10240;
};

}  // namespace hikyaku::rewrite
