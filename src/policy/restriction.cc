#include "policy/restriction.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/escape.h"
#include "table/fold.h"
#include "table/spec.h"

namespace hikyaku::policy {
namespace {

using Kind = Restriction::Kind;

/// What stands behind a restriction's name.
enum class Argument : std::uint8_t { none, table, domain, seconds };

struct Name {
  std::string_view name;
  Kind kind;
  Argument argument = Argument::none;
};

constexpr std::array kNames = std::to_array<Name>({
    {"check_ccert_access", Kind::check_ccert_access, Argument::table},
    {"check_client_a_access", Kind::check_client_a_access, Argument::table},
    {"check_client_access", Kind::check_client_access, Argument::table},
    {"check_client_mx_access", Kind::check_client_mx_access, Argument::table},
    {"check_client_ns_access", Kind::check_client_ns_access, Argument::table},
    {"check_etrn_access", Kind::check_etrn_access, Argument::table},
    {"check_helo_a_access", Kind::check_helo_a_access, Argument::table},
    {"check_helo_access", Kind::check_helo_access, Argument::table},
    {"check_helo_mx_access", Kind::check_helo_mx_access, Argument::table},
    {"check_helo_ns_access", Kind::check_helo_ns_access, Argument::table},
    {"check_recipient_a_access", Kind::check_recipient_a_access, Argument::table},
    {"check_recipient_access", Kind::check_recipient_access, Argument::table},
    {"check_recipient_maps", Kind::reject_unlisted_recipient},
    {"check_recipient_mx_access", Kind::check_recipient_mx_access, Argument::table},
    {"check_recipient_ns_access", Kind::check_recipient_ns_access, Argument::table},
    {"check_reverse_client_hostname_a_access", Kind::check_reverse_client_a_access, Argument::table},
    {"check_reverse_client_hostname_access", Kind::check_reverse_client_access, Argument::table},
    {"check_reverse_client_hostname_mx_access", Kind::check_reverse_client_mx_access, Argument::table},
    {"check_reverse_client_hostname_ns_access", Kind::check_reverse_client_ns_access, Argument::table},
    {"check_sasl_access", Kind::check_sasl_access, Argument::table},
    {"check_sender_a_access", Kind::check_sender_a_access, Argument::table},
    {"check_sender_access", Kind::check_sender_access, Argument::table},
    {"check_sender_mx_access", Kind::check_sender_mx_access, Argument::table},
    {"check_sender_ns_access", Kind::check_sender_ns_access, Argument::table},
    {"defer", Kind::defer},
    {"defer_if_permit", Kind::defer_if_permit},
    {"defer_if_reject", Kind::defer_if_reject},
    {"defer_unauth_destination", Kind::defer_unauth_destination},
    {"permit", Kind::permit},
    {"permit_auth_destination", Kind::permit_auth_destination},
    {"permit_dnswl_client", Kind::permit_dnswl_client, Argument::domain},
    {"permit_inet_interfaces", Kind::permit_inet_interfaces},
    {"permit_mx_backup", Kind::permit_mx_backup},
    {"permit_mynetworks", Kind::permit_mynetworks},
    {"permit_rhswl_client", Kind::permit_rhswl_client, Argument::domain},
    {"permit_sasl_authenticated", Kind::permit_sasl_authenticated},
    {"permit_tls_all_clientcerts", Kind::permit_tls_all_clientcerts},
    {"permit_tls_clientcerts", Kind::permit_tls_clientcerts},
    {"reject", Kind::reject},
    {"reject_authenticated_sender_login_mismatch", Kind::reject_authenticated_sender_login_mismatch},
    {"reject_invalid_helo_hostname", Kind::reject_invalid_helo_hostname},
    {"reject_invalid_hostname", Kind::reject_invalid_helo_hostname},
    {"reject_known_sender_login_mismatch", Kind::reject_known_sender_login_mismatch},
    {"reject_multi_recipient_bounce", Kind::reject_multi_recipient_bounce},
    {"reject_non_fqdn_helo_hostname", Kind::reject_non_fqdn_helo_hostname},
    {"reject_non_fqdn_hostname", Kind::reject_non_fqdn_helo_hostname},
    {"reject_non_fqdn_recipient", Kind::reject_non_fqdn_recipient},
    {"reject_non_fqdn_sender", Kind::reject_non_fqdn_sender},
    {"reject_plaintext_session", Kind::reject_plaintext_session},
    {"reject_rbl", Kind::reject_rbl_client, Argument::domain},
    {"reject_rbl_client", Kind::reject_rbl_client, Argument::domain},
    {"reject_rhsbl_client", Kind::reject_rhsbl_client, Argument::domain},
    {"reject_rhsbl_helo", Kind::reject_rhsbl_helo, Argument::domain},
    {"reject_rhsbl_recipient", Kind::reject_rhsbl_recipient, Argument::domain},
    {"reject_rhsbl_reverse_client", Kind::reject_rhsbl_reverse_client, Argument::domain},
    {"reject_rhsbl_sender", Kind::reject_rhsbl_sender, Argument::domain},
    {"reject_sender_login_mismatch", Kind::reject_sender_login_mismatch},
    {"reject_unauth_destination", Kind::reject_unauth_destination},
    {"reject_unauth_pipelining", Kind::reject_unauth_pipelining},
    {"reject_unauthenticated_sender_login_mismatch", Kind::reject_unauthenticated_sender_login_mismatch},
    {"reject_unknown_address", Kind::reject_unknown_sender_domain},
    {"reject_unknown_client", Kind::reject_unknown_client_hostname},
    {"reject_unknown_client_hostname", Kind::reject_unknown_client_hostname},
    {"reject_unknown_helo_hostname", Kind::reject_unknown_helo_hostname},
    {"reject_unknown_hostname", Kind::reject_unknown_helo_hostname},
    {"reject_unknown_recipient_domain", Kind::reject_unknown_recipient_domain},
    {"reject_unknown_reverse_client_hostname", Kind::reject_unknown_reverse_client_hostname},
    {"reject_unknown_sender_domain", Kind::reject_unknown_sender_domain},
    {"reject_unlisted_recipient", Kind::reject_unlisted_recipient},
    {"reject_unlisted_sender", Kind::reject_unlisted_sender},
    {"sleep", Kind::pause, Argument::seconds},
    {"warn_if_reject", Kind::warn_if_reject},
});
static_assert(std::is_sorted(kNames.begin(), kNames.end(),
                             [](const Name& a, const Name& b) { return a.name < b.name; }));

constexpr auto kNameList = [] {
  std::array<std::string_view, kNames.size()> names;
  for (std::size_t i = 0; i < names.size(); ++i) names[i] = kNames[i].name;
  return names;
}();

/// In Postfix, but not here; `argument` tells what to skip behind it.
struct Unsupported {
  std::string_view name;
  std::string_view advice;
  Argument argument = Argument::none;
};
constexpr std::array kUnsupported = std::to_array<Unsupported>({
    {"check_policy_service", "a policy server can't be asked; use a milter, or the hub's own greylisting",
     Argument::table},
    {"reject_unverified_recipient", "addresses are not probed; list them in relay_recipient_maps",
     Argument::none},
    {"reject_unverified_sender", "addresses are not probed; use reject_unknown_sender_domain",
     Argument::none},
    {"check_relay_domains", "write permit_auth_destination, reject_unauth_destination", Argument::none},
    {"permit_naked_ip_address", "write permit_mynetworks or permit_sasl_authenticated", Argument::none},
    {"reject_maps_rbl", "write reject_rbl_client and the domain", Argument::none},
});

const Name* find_name(std::string_view word) {
  const auto folded = table::ascii_lower(word);
  const auto found = std::lower_bound(kNames.begin(), kNames.end(), folded,
                                      [](const Name& a, const std::string& b) { return a.name < b; });
  return found != kNames.end() && found->name == folded ? &*found : nullptr;
}

bool is_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

class Compiler {
 public:
  Compiler(std::span<const table::Element> elements, const RestrictionClasses& classes, table::Opener* opener,
           std::vector<RestrictionFault>& faults)
      : elements_(elements), classes_(classes), opener_(opener), faults_(faults) {}

  RestrictionList run() {
    while (next_ < elements_.size()) take(elements_[next_++]);
    return std::move(list_);
  }

 private:
  void take(const table::Element& element) {
    if (element.text.find(':') != std::string::npos) {
      add({Kind::default_access, element.text, element.origin}, element);
      return;
    }
    if (const auto* name = find_name(element.text)) {
      take_named(*name, element);
      return;
    }
    if (const auto found = classes_.find(element.text); found != classes_.end()) {
      Restriction one{Kind::restriction_class, element.text, element.origin};
      one.argument = element.text;
      one.members = found->second;
      list_.push_back(std::move(one));
      return;
    }
    const auto unsupported = std::find_if(
        kUnsupported.begin(), kUnsupported.end(),
        [&](const Unsupported& one) { return table::equal_ascii_nocase(one.name, element.text); });
    if (unsupported != kUnsupported.end()) {
      if (unsupported->argument != Argument::none && next_ < elements_.size()) ++next_;
      fault(RestrictionFault::Kind::unsupported, element,
            element.text + " is not supported: " + std::string(unsupported->advice));
      return;
    }
    fault(RestrictionFault::Kind::unknown_name, element,
          "unknown restriction \"" + escaped(element.text, 100) + "\"");
  }

  void take_named(const Name& name, const table::Element& element) {
    Restriction one{name.kind, element.text, element.origin};
    if (name.kind == Kind::permit_mx_backup) {
      faults_.push_back({RestrictionFault::Kind::unsupported, element.text, element.origin,
                         element.text +
                             " permits only what permit_auth_destination does: mail for domains that merely "
                             "name this host as backup MX is not relayed; list them in relay_domains",
                         false});
    }
    if (name.argument == Argument::none) {
      list_.push_back(std::move(one));
      return;
    }
    if (next_ == elements_.size()) {
      fault(RestrictionFault::Kind::bad_argument, element,
            element.text + ": there is nothing behind it; " + wanted(name.argument));
      return;
    }
    const auto& argument = elements_[next_++];
    one.text += " " + argument.text;
    one.argument = argument.text;
    switch (name.argument) {
      case Argument::table:
        if (argument.text.find(':') == std::string::npos) {
          --next_;  // perhaps the next restriction
          return fault(RestrictionFault::Kind::bad_argument, element,
                       element.text + ": \"" + escaped(argument.text, 100) + "\" is no table; " +
                           wanted(name.argument));
        }
        return add(std::move(one), argument);
      case Argument::seconds:
        if (!is_digits(argument.text) || argument.text.size() > 4) {
          return fault(RestrictionFault::Kind::bad_argument, argument,
                       element.text + " " + wanted(name.argument));
        }
        break;
      case Argument::domain:
      case Argument::none:
        break;
    }
    list_.push_back(std::move(one));
  }

  static std::string wanted(Argument argument) {
    switch (argument) {
      case Argument::table:
        return "it needs a table, type:name";
      case Argument::domain:
        return "it needs a domain";
      case Argument::seconds:
        return "it needs a number of seconds up to 9999";
      case Argument::none:
        break;
    }
    return {};
  }

  /// Opens the table that `element` names.
  void add(Restriction one, const table::Element& element) {
    if (opener_ == nullptr) {
      return fault(RestrictionFault::Kind::bad_argument, element,
                   "an access table may not answer with a table; name a restriction class instead");
    }
    auto maps = table::Maps::open({element}, *opener_);
    if (!maps) return fault(RestrictionFault::Kind::bad_argument, element, maps.error().text);
    one.map = std::move(*maps);
    list_.push_back(std::move(one));
  }

  void fault(RestrictionFault::Kind kind, const table::Element& element, std::string text) {
    faults_.push_back({kind, element.text, element.origin, std::move(text), true});
  }

  std::span<const table::Element> elements_;
  const RestrictionClasses& classes_;
  table::Opener* opener_;
  std::vector<RestrictionFault>& faults_;
  std::size_t next_ = 0;
  RestrictionList list_;
};

}  // namespace

RestrictionList compile_restrictions(std::span<const table::Element> elements,
                                     const RestrictionClasses& classes, table::Opener* opener,
                                     std::vector<RestrictionFault>& faults) {
  return Compiler(elements, classes, opener, faults).run();
}

std::span<const std::string_view> restriction_names() { return kNameList; }

bool refuses_relaying(const RestrictionList& list) {
  for (std::size_t i = 0; i < list.size(); ++i) {
    switch (list[i].kind) {
      case Kind::warn_if_reject:
        ++i;
        break;  // the one behind it refuses nothing
      case Kind::permit:
        return false;
      case Kind::reject:
      case Kind::defer:
      case Kind::defer_if_permit:
      case Kind::reject_unauth_destination:
      case Kind::defer_unauth_destination:
        return true;
      case Kind::restriction_class:
        if (list[i].members && refuses_relaying(*list[i].members)) return true;
        break;
      default:
        break;
    }
  }
  return false;
}

}  // namespace hikyaku::policy
