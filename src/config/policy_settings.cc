#include "config/policy_settings.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/escape.h"
#include "config/rewrite_settings.h"
#include "config/spelling.h"
#include "config/table_elements.h"
#include "policy/dnsbl.h"
#include "route/local_destinations.h"
#include "table/fold.h"

namespace hikyaku::config {
namespace {

using policy::Restriction;
using policy::RestrictionFault;

bool names_parents(const Main& main, std::string_view setting) {
  const auto names = main.list("parent_domain_matches_subdomains");
  return std::any_of(names.begin(), names.end(), [setting](const Value& v) { return v.text == setting; });
}

class Reader {
 public:
  Reader(const Main& main, table::Opener& opener, Diagnostics& diagnostics)
      : main_(main), opener_(opener), diagnostics_(diagnostics) {}

  const std::string& first_fault() const { return first_fault_; }

  table::Maps maps(std::string_view name) {
    auto opened = table::Maps::open(elements(main_.list(name)), opener_);
    if (opened) return std::move(*opened);
    fault(main_.origin(name), std::string(name) + ": " + opened.error().text);
    return {};
  }
  policy::Listing listing(std::string_view name) {
    return {std::string(name), maps(name), main_.origin(name)};
  }
  table::NetworkList networks(std::string_view name) {
    const auto subdomains =
        names_parents(main_, name) ? table::Subdomains::by_parent_too : table::Subdomains::by_dot;
    auto list = table::NetworkList::compile(elements(main_.list(name)), opener_, subdomains);
    if (list) return std::move(*list);
    fault(main_.origin(name), std::string(name) + ": " + list.error().text);
    return {};
  }
  table::DomainList domains(std::string_view name) {
    const auto subdomains =
        names_parents(main_, name) ? table::Subdomains::by_parent_too : table::Subdomains::by_dot;
    auto list = table::DomainList::compile(elements(main_.list(name)), opener_, subdomains);
    if (list) return std::move(*list);
    fault(main_.origin(name), std::string(name) + ": " + list.error().text);
    return {};
  }
  int code(std::string_view name) {
    const auto value = main_.integer(name);
    if (value < 200 || value > 599) {
      fault(main_.origin(name),
            std::string(name) + ": " + std::to_string(value) + " is no SMTP reply code; write 4NN or 5NN",
            std::to_string(value));
      return 450;
    }
    return static_cast<int>(value);
  }

  policy::RestrictionList list(std::string_view name) {
    return restrictions(name, elements(main_.list(name)));
  }

  /// Classes may name classes that are defined further on: so they are compiled when first asked for.
  void read_classes() {
    for (const auto& value : main_.list("smtpd_restriction_classes")) class_names_.push_back(value);
    for (const auto& value : class_names_) compile_class(value);
  }
  policy::RestrictionClasses take_classes() { return classes_; }

 private:
  void compile_class(const Value& name) {
    if (classes_.contains(name.text)) return;
    const auto names = policy::restriction_names();
    if (std::find(names.begin(), names.end(), table::ascii_lower(name.text)) != names.end()) {
      fault(name.origin,
            "smtpd_restriction_classes: " + name.text + " is the name of a restriction; choose another",
            name.text);
      return;
    }
    const auto* definition = main_.find(name.text);
    if (definition == nullptr || definition->text.empty()) {
      fault(name.origin,
            "restriction class " + escaped(name.text, 100) + " has no definition; write \"" +
                escaped(name.text, 100) + " = ...\"",
            name.text);
      return;
    }
    if (std::find(open_.begin(), open_.end(), name.text) != open_.end()) {
      fault(name.origin, "restriction class " + name.text + " contains itself", name.text);
      return;
    }
    open_.push_back(name.text);
    const auto members = Main::split(*definition);
    for (const auto& member : members) {
      const auto other = std::find_if(class_names_.begin(), class_names_.end(),
                                      [&](const Value& v) { return v.text == member.text; });
      if (other != class_names_.end()) compile_class({other->text, member.origin, member.column});
    }
    open_.pop_back();
    auto list = restrictions(name.text, elements(members));
    classes_.emplace(name.text, std::make_shared<const policy::RestrictionList>(std::move(list)));
  }

  policy::RestrictionList restrictions(std::string_view name, const std::vector<table::Element>& words) {
    std::vector<RestrictionFault> faults;
    auto list = policy::compile_restrictions(words, classes_, &opener_, faults);
    for (const auto& one : faults) {
      auto text = std::string(name) + ": " + one.text;
      if (one.kind == RestrictionFault::Kind::unknown_name) text += suggestion(one.word);
      if (one.fatal) {
        fault(one.origin, std::move(text), one.word);
      } else {
        diagnostics_.warning(one.origin, std::move(text), one.word);
      }
    }
    for (std::size_t i = 0; i < list.size(); ++i) check(name, list, i);
    return list;
  }

  void check(std::string_view name, const policy::RestrictionList& list, std::size_t place) {
    const auto& one = list[place];
    const bool bare_allowed = name != "smtpd_data_restrictions" && name != "smtpd_end_of_data_restrictions";
    if (one.kind == Restriction::Kind::default_access && !bare_allowed) {
      fault(one.origin,
            std::string(name) + ": \"" + escaped(one.text, 100) +
                "\" needs check_client_access or another such word before it",
            one.text);
    }
    const bool ends = one.kind == Restriction::Kind::permit || one.kind == Restriction::Kind::reject ||
                      one.kind == Restriction::Kind::defer;
    const bool only_warns = place > 0 && list[place - 1].kind == Restriction::Kind::warn_if_reject;
    if (ends && !only_warns && place + 1 < list.size()) {
      diagnostics_.warning(list[place + 1].origin,
                           std::string(name) + ": what stands behind " + one.text + " is never reached",
                           list[place + 1].text);
    }
    const auto filter = one.argument.find('=');
    if (!one.argument.empty() && filter != std::string::npos &&
        one.kind != Restriction::Kind::restriction_class && one.map.empty() &&
        !policy::is_filter(std::string_view(one.argument).substr(filter + 1))) {
      fault(one.origin,
            std::string(name) + ": \"" + escaped(one.argument, 100) +
                "\": the part behind = is no address pattern such as 127.0.0.[2..11]",
            one.argument);
    }
  }

  std::string suggestion(std::string_view word) const {
    std::vector<std::string_view> names(policy::restriction_names().begin(),
                                        policy::restriction_names().end());
    for (const auto& value : class_names_) names.push_back(value.text);
    const auto near = nearest(word, names);
    if (!near.empty()) return "; did you mean " + std::string(near) + "?";
    return "; a class of your own must be named in smtpd_restriction_classes";
  }

  void fault(Origin where, std::string text, std::string_view token = {}) {
    if (first_fault_.empty()) first_fault_ = text;
    diagnostics_.error(where, std::move(text), token);
  }

  const Main& main_;
  table::Opener& opener_;
  Diagnostics& diagnostics_;
  std::string first_fault_;
  std::vector<Value> class_names_;
  std::vector<std::string> open_;  // classes being compiled
  policy::RestrictionClasses classes_;

  friend Result<policy::Settings> hikyaku::config::policy_settings(const Main&, std::span<const table::Ip>,
                                                                   table::Opener&, Diagnostics&);
};

policy::Codes codes(Reader& read) {
  policy::Codes codes;
  codes.access_map_reject = read.code("access_map_reject_code");
  codes.access_map_defer = read.code("access_map_defer_code");
  codes.reject = read.code("reject_code");
  codes.defer = read.code("defer_code");
  codes.relay_domains_reject = read.code("relay_domains_reject_code");
  codes.invalid_hostname = read.code("invalid_hostname_reject_code");
  codes.non_fqdn = read.code("non_fqdn_reject_code");
  codes.unknown_address = read.code("unknown_address_reject_code");
  codes.unknown_client = read.code("unknown_client_reject_code");
  codes.unknown_hostname = read.code("unknown_hostname_reject_code");
  codes.maps_rbl = read.code("maps_rbl_reject_code");
  codes.multi_recipient_bounce = read.code("multi_recipient_bounce_reject_code");
  codes.plaintext = read.code("plaintext_reject_code");
  codes.unknown_local_recipient = read.code("unknown_local_recipient_reject_code");
  codes.unknown_relay_recipient = read.code("unknown_relay_recipient_reject_code");
  codes.unknown_virtual_alias = read.code("unknown_virtual_alias_reject_code");
  codes.unknown_virtual_mailbox = read.code("unknown_virtual_mailbox_reject_code");
  return codes;
}

policy::Settings::OnTemporary on_temporary(const Main& main, std::string_view name) {
  using OnTemporary = policy::Settings::OnTemporary;
  return main.text(name).text == "defer" ? OnTemporary::defer : OnTemporary::defer_if_permit;
}

policy::DomainClass policy_class(route::DomainClass one) {
  switch (one) {
    case route::DomainClass::local:
      return policy::DomainClass::local;
    case route::DomainClass::virtual_alias:
      return policy::DomainClass::virtual_alias;
    case route::DomainClass::virtual_mailbox:
      return policy::DomainClass::virtual_mailbox;
    case route::DomainClass::relay:
      return policy::DomainClass::relay;
    case route::DomainClass::other:
      break;
  }
  return policy::DomainClass::other;
}

}  // namespace

Result<policy::Settings> policy_settings(const Main& main, std::span<const table::Ip> machine,
                                         table::Opener& opener, Diagnostics& diagnostics) {
  Reader read(main, opener, diagnostics);
  policy::Settings settings;
  read.read_classes();
  settings.client = read.list("smtpd_client_restrictions");
  settings.helo = read.list("smtpd_helo_restrictions");
  settings.sender = read.list("smtpd_sender_restrictions");
  settings.relay = read.list("smtpd_relay_restrictions");
  settings.recipient = read.list("smtpd_recipient_restrictions");
  settings.data = read.list("smtpd_data_restrictions");
  settings.end_of_data = read.list("smtpd_end_of_data_restrictions");
  settings.etrn = read.list("smtpd_etrn_restrictions");
  settings.fast_flush = read.domains("fast_flush_domains");
  settings.fast_flush_origin = main.origin("fast_flush_domains");
  settings.classes = read.take_classes();
  if (!policy::refuses_relaying(settings.relay) && !policy::refuses_relaying(settings.recipient)) {
    read.fault(main.is_set("smtpd_relay_restrictions") ? main.origin("smtpd_relay_restrictions")
                                                       : main.origin("smtpd_recipient_restrictions"),
               "smtpd_relay_restrictions or smtpd_recipient_restrictions must hold at least one of "
               "reject_unauth_destination, "
               "defer_unauth_destination, reject, defer or defer_if_permit: else this is an open relay");
  }
  settings.delay_reject = main.boolean("smtpd_delay_reject");
  settings.relay_before_recipient = main.boolean("smtpd_relay_before_recipient_restrictions");
  settings.sasl_enabled = main.boolean("smtpd_sasl_auth_enable");
  settings.soft_bounce = main.boolean("soft_bounce");
  settings.allow_untrusted_routing = main.boolean("allow_untrusted_routing");
  settings.show_unknown_table = main.boolean("show_user_unknown_table_name");
  settings.reject_unlisted_recipient = main.boolean("smtpd_reject_unlisted_recipient");
  settings.reject_unlisted_sender = main.boolean("smtpd_reject_unlisted_sender");
  settings.reject_unlisted_recipient_origin = main.origin("smtpd_reject_unlisted_recipient");
  settings.reject_unlisted_sender_origin = main.origin("smtpd_reject_unlisted_sender");
  for (const auto& option : main.list("receive_override_options")) {
    if (option.text == "no_unknown_recipient_checks") settings.check_unknown_recipients = false;
  }
  settings.codes = codes(read);
  settings.unknown_address_temporary = on_temporary(main, "unknown_address_tempfail_action");
  settings.unknown_helo_temporary = on_temporary(main, "unknown_helo_hostname_tempfail_action");
  settings.own_addresses = own_addresses(main, machine, diagnostics);
  settings.mynetworks = read.networks("mynetworks");
  settings.mynetworks_origin = main.origin("mynetworks");
  settings.relay_clientcerts = read.maps("relay_clientcerts");
  settings.relay_clientcerts_origin = main.origin("relay_clientcerts");
  settings.sender_login = read.listing("smtpd_sender_login_maps");
  settings.local_recipients = read.listing("local_recipient_maps");
  settings.virtual_mailboxes = read.listing("virtual_mailbox_maps");
  settings.relay_recipients = read.listing("relay_recipient_maps");
  settings.virtual_aliases = read.listing("virtual_alias_maps");
  settings.canonical = read.listing("canonical_maps");
  settings.sender_canonical = read.listing("sender_canonical_maps");
  settings.recipient_canonical = read.listing("recipient_canonical_maps");
  settings.rbl_replies = read.maps("rbl_reply_maps");
  settings.default_rbl_reply = main.text("default_rbl_reply").text;
  settings.null_access_key = main.text("smtpd_null_access_lookup_key").text;
  settings.access_parents =
      names_parents(main, "smtpd_access_maps") ? table::Parents::by_name : table::Parents::by_dot;
  settings.delimiters = {main.text("recipient_delimiter").text, main.boolean("owner_request_special"),
                         main.text("double_bounce_sender").text};
  auto mydestination = table::StringMatchList::compile(elements(main.list("mydestination")), opener);
  if (!mydestination)
    read.fault(main.origin("mydestination"), "mydestination: " + mydestination.error().text);
  settings.local_domains = std::make_shared<route::LocalDestinations>(
      main.text("myorigin").text, mydestination ? std::move(*mydestination) : table::StringMatchList(),
      settings.own_addresses);
  if (!read.first_fault().empty()) return fail(Fault::malformed, read.first_fault());
  return settings;
}

policy::RateLimits rate_limits(const Main& main, table::Opener& opener, Diagnostics& diagnostics) {
  const auto number = [&main](std::string_view name) {
    return static_cast<std::size_t>(std::max<std::int64_t>(main.integer(name), 0));
  };
  policy::RateLimits limits;
  limits.unit = main.duration("anvil_rate_time_unit");
  limits.connection_count = number("smtpd_client_connection_count_limit");
  limits.connection_rate = number("smtpd_client_connection_rate_limit");
  limits.message_rate = number("smtpd_client_message_rate_limit");
  limits.recipient_rate = number("smtpd_client_recipient_rate_limit");
  limits.new_tls_rate = number("smtpd_client_new_tls_session_rate_limit");
  limits.auth_rate = number("smtpd_client_auth_rate_limit");
  limits.exceptions = Reader(main, opener, diagnostics).networks("smtpd_client_event_limit_exceptions");
  return limits;
}

Result<policy::Resolution> RoutedAddresses::resolve(const mail::Address& sender,
                                                    const mail::Address& address) const {
  if (srs_ != nullptr && srs_->has_form(address)) return resolve_srs(sender, address);
  auto route = router_.resolve(sender, router_.complete(address));
  if (!route) return std::unexpected(std::move(route.error()));
  policy::Resolution resolution;
  resolution.address = std::move(route->recipient);
  if (auto folded = mail::Address::from_internal(table::ascii_lower(resolution.address.internal())))
    resolution.address = std::move(*folded);
  resolution.domain_class = policy_class(route->domain_class);
  resolution.transport = std::move(route->transport);
  resolution.nexthop = std::move(route->nexthop);
  resolution.invalid = route->invalid;
  resolution.routed = route->routed;
  return resolution;
}

/// Whoever a notice is for, it is we who promised to take it.
Result<policy::Resolution> RoutedAddresses::resolve_srs(const mail::Address& sender,
                                                        const mail::Address& address) const {
  policy::Resolution resolution{.address = address, .domain_class = policy::DomainClass::virtual_alias};
  const auto reversed = srs_->reverse(address, clock_->now());
  if (!reversed) {
    resolution.transport = "error";
    resolution.nexthop = "5.1.1 " + reversed.error().text;
    return resolution;
  }
  auto route = router_.resolve(sender, *reversed);
  if (!route) return std::unexpected(std::move(route.error()));
  resolution.transport = std::move(route->transport);
  resolution.nexthop = std::move(route->nexthop);
  return resolution;
}

}  // namespace hikyaku::config
