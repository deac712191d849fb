#pragma once
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/origin.h"
#include "base/time.h"
#include "mail/address.h"
#include "table/address_lookup.h"
#include "table/maps.h"
#include "table/match_list.h"

namespace hikyaku::route {

/// A text of the configuration with the place where it was written.
struct Text {
  std::string text;
  Origin origin;
};

/// A list of tables, with the setting that names them.
struct Tables {
  table::Maps maps;  ///< empty: not set
  Origin origin;
  bool empty() const { return maps.empty(); }
};

/// A list of domains, with the setting that holds it.
template <class List>
struct Domains {
  List list;
  Origin origin;
};

/// What the resolver is governed by. Names in brackets are those of Postfix.
struct Settings {
  std::string myorigin;
  std::string myhostname;
  Domains<table::StringMatchList> mydestination;
  std::vector<table::Ip> own_addresses;  ///< inet_interfaces and proxy_interfaces
  Domains<table::StringMatchList> virtual_alias_domains;
  Domains<table::StringMatchList> virtual_mailbox_domains;
  Domains<table::DomainList> relay_domains;

  Text local_transport{"local:$myhostname", {}};  ///< "transport" or "transport:nexthop", as the next three
  Text virtual_transport{"virtual", {}};
  Text relay_transport{"relay", {}};
  Text default_transport{"smtp", {}};
  Text relayhost;                             ///< a next hop; empty: the recipient's domain
  Tables sender_dependent_default_transport;  ///< ..._maps
  mail::Address null_default_transport_key;   ///< empty_address_default_transport_maps_lookup_key
  Tables sender_dependent_relayhost;          ///< ..._maps
  mail::Address null_relayhost_key;           ///< empty_address_relayhost_maps_lookup_key
  Tables transport;                           ///< transport_maps
  table::Parents transport_parents = table::Parents::by_dot;
  Tables relocated;             ///< relocated_maps
  Text default_filter_nexthop;  ///< of a content filter without one; empty: the recipient's domain

  table::Delimiters delimiters;
  std::string empty_recipient = "MAILER-DAEMON";  ///< empty_address_recipient
  bool swap_bangpath = true;
  bool percent_hack = true;      ///< allow_percent_hack
  bool resolve_dequoted = true;  ///< resolve_dequoted_address
  bool resolve_null_domain = false;
  bool resolve_numeric_domain = false;
  bool allow_min_user = false;
  bool show_unknown_table = true;  ///< show_user_unknown_table_name
  Origin show_unknown_table_origin;

  /// Makes an address in external form a full one in the local context (@$myorigin, .$mydomain, a!b, a%b), as
  /// rewrite::Completion does. Pure, thread-safe. Empty: addresses are taken as they are.
  std::function<std::string(std::string_view external)> complete;
};

/// How fast one transport may work: NAME_destination_... or else default_destination_...
struct TransportLimits {
  std::size_t destination_concurrency_limit = 20;   ///< deliveries to one next hop at a time; at least 1
  std::size_t initial_destination_concurrency = 5;  ///< before anything is known of a next hop; at least 1
  std::size_t destination_recipient_limit =
      50;  ///< of one delivery; at least 1. A limit of 1 makes each recipient its own destination
  std::chrono::seconds destination_rate_delay{0};  ///< between two deliveries to one next hop; 0: none
  std::size_t process_limit = 100;                 ///< deliveries of the transport at a time; at least 1
};

/// When a message that could not be delivered is tried again, and when it is given up.
struct RetrySchedule {
  std::chrono::seconds minimal_backoff{300};     ///< minimal_backoff_time
  std::chrono::seconds maximal_backoff{4000};    ///< maximal_backoff_time
  std::chrono::seconds lifetime{432000};         ///< maximal_queue_lifetime
  std::chrono::seconds bounce_lifetime{432000};  ///< bounce_queue_lifetime: of mail from <>
  std::chrono::seconds delay_warning{0};         ///< delay_warning_time; 0: no warning
  Origin minimal_backoff_origin, maximal_backoff_origin, lifetime_origin, bounce_lifetime_origin,
      delay_warning_origin;

  /// A message is tried again when it is twice as old as it is `now`, but not sooner than minimal_backoff
  /// from now and not later than maximal_backoff from now. Pure.
  Time next_attempt(Time arrival, Time now) const;
  /// The time from which on the message is returned; a lifetime of 0 gives it one attempt.
  Time expires(Time arrival, bool null_sender) const {
    return arrival + (null_sender ? bounce_lifetime : lifetime);
  }
};

}  // namespace hikyaku::route
