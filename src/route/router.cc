#include "route/router.h"

#include <utility>

#include "base/concatenated.h"
#include "base/escape.h"
#include "mail/address_tokens.h"
#include "route/recipient_form.h"
#include "route/router_ledger.h"
#include "table/fold.h"

namespace hikyaku::route {
namespace {

constexpr std::string_view kNoReason = "Address is undeliverable";

bool is_dunno(std::string_view value) { return table::equal_ascii_nocase(value, "DUNNO"); }
/// The next hop of these is a text for the sender.
bool holds_text(std::string_view transport) { return transport == "error" || transport == "retry"; }

std::unexpected<Error> unanswered(std::string_view setting, const Error& error) {
  return fail(Fault::temporary, std::string(setting) + ": " + error.text);
}

std::string shown(const mail::Address& address) { return address.null() ? "<>" : address.internal(); }

}  // namespace

std::string_view text(DomainClass one) {
  switch (one) {
    case DomainClass::local:
      return "local";
    case DomainClass::virtual_alias:
      return "alias";
    case DomainClass::virtual_mailbox:
      return "virtual";
    case DomainClass::relay:
      return "relay";
    case DomainClass::other:
      return "default";
  }
  return "default";
}

TransportNextHop split_transport(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) return {text, {}};
  return {text.substr(0, colon), text.substr(colon + 1)};
}

Router::Router(Settings settings)
    : settings_(std::move(settings)),
      local_(settings_.myorigin, settings_.mydestination.list, settings_.own_addresses) {}

mail::Address Router::complete(const mail::Address& address) const {
  if (!settings_.complete || address.null()) return address;
  auto full = mail::Address::from_internal(
      mail::unquote_local_part(settings_.complete(mail::quote_local_part(address.internal()))));
  return full ? std::move(*full) : address;
}

/// What the tables by sender said of one sender.
struct Router::SenderAnswers {
  struct Answer {
    std::string value;  ///< empty: no answer of its own (not found, or DUNNO)
    Candidate candidate;
  };
  std::optional<Answer> relayhost, default_transport;
  RouteLedger ledger;  ///< for its memory
};

/// One decision on its way through the settings.
struct Router::Decision {
  Decision(const Router& router, const mail::Address& from, SenderAnswers& known, Explanation* why)
      : settings(router.settings_), local(router.local_), sender(from), answers(known), ledger(known.ledger) {
    ledger.begin(why);
  }

  Result<void> classify(const RecipientForm& form);
  Result<void> class_transport();
  Result<void> relay_next_hop();
  Result<void> transport_maps();
  Result<void> relocated_maps();

  /// Looks the sender up, unless that is known; an answer without a value is told to the ledger.
  Result<const SenderAnswers::Answer*> by_sender(std::optional<SenderAnswers::Answer>& known,
                                                 const Tables& tables, const mail::Address& null_key,
                                                 std::string_view step, std::string_view setting);
  Result<SenderAnswers::Answer> ask_by_sender(const Tables& tables, const mail::Address& null_key,
                                              std::string_view step, std::string_view setting) const;
  void not_asked(const Tables& tables, std::string_view step, std::string_view setting);
  void apply_class_transport(const Text& setting, std::string_view step, std::string_view name);
  Candidate candidate(std::string_view step, std::string_view setting, std::string_view value,
                      Origin origin) const;
  bool off_host() const {
    return route.domain_class == DomainClass::relay || route.domain_class == DomainClass::other;
  }
  const std::string& domain() const { return route.recipient.domain(); }

  const Settings& settings;
  const LocalDestinations& local;
  const mail::Address& sender;
  SenderAnswers& answers;
  RouteLedger& ledger;
  Route route;
};

Candidate Router::Decision::candidate(std::string_view step, std::string_view setting, std::string_view value,
                                      Origin origin) const {
  Candidate one{step, setting, {}, origin};
  if (ledger.wanted()) one.rule = concatenated({setting, " = ", value});
  return one;
}

Result<void> Router::Decision::classify(const RecipientForm& form) {
  struct Listed {
    DomainClass domain_class;
    std::string_view setting;
    std::string element;
    Origin origin;
  } found{DomainClass::other, {}, {}, {}};
  const auto take = [&](DomainClass one, std::string_view setting,
                        const table::MatchAnswer& answer) -> Result<bool> {
    if (!answer) return unanswered(setting, answer.error());
    if (answer->has_value()) found = {one, setting, std::string((*answer)->element), (*answer)->origin};
    return answer->has_value();
  };
  if (form.local) {
    found = {DomainClass::local, form.match.element.empty() ? "inet_interfaces" : "mydestination",
             std::string(form.match.element), form.match.origin};
  } else {
    auto hit = take(DomainClass::virtual_alias, "virtual_alias_domains",
                    settings.virtual_alias_domains.list.match(domain(), nullptr));
    if (hit && !*hit) {
      hit = take(DomainClass::virtual_mailbox, "virtual_mailbox_domains",
                 settings.virtual_mailbox_domains.list.match(domain(), nullptr));
    }
    if (hit && !*hit) {
      hit = take(DomainClass::relay, "relay_domains", settings.relay_domains.list.match(domain(), nullptr));
    }
    if (!hit) return std::unexpected(hit.error());
  }
  route.domain_class = found.domain_class;
  if (!ledger.wanted()) return {};
  Candidate one{"route.domain_class", found.setting, {}, found.origin};
  one.operand = domain();
  if (found.domain_class == DomainClass::other) {
    one.rule =
        "mydestination, inet_interfaces, virtual_alias_domains, virtual_mailbox_domains, relay_domains";
    one.origin = settings.mydestination.origin;
    one.failed = "recipient domain is in one of them";
    one.outcome = "class default";
  } else {
    one.rule = concatenated({found.setting, ": ", found.element.empty() ? domain() : found.element});
    one.outcome = concatenated({"class ", text(found.domain_class)});
  }
  ledger.domain_class(std::move(one));
  return {};
}

void Router::Decision::not_asked(const Tables& tables, std::string_view step, std::string_view setting) {
  if (tables.empty() || !ledger.wanted()) return;
  Candidate one{step, setting, std::string(setting), tables.origin};
  one.failed = step == "route.sender_dependent_default_transport"
                   ? "recipient domain is in none of our domain lists"
                   : "recipient domain is not local or virtual";
  one.operand = domain() + " is of class " + std::string(text(route.domain_class));
  one.outcome = "not asked";
  ledger.passes(std::move(one));
}

Result<const Router::SenderAnswers::Answer*> Router::Decision::by_sender(
    std::optional<SenderAnswers::Answer>& known, const Tables& tables, const mail::Address& null_key,
    std::string_view step, std::string_view setting) {
  if (!known) {
    auto answer = tables.empty() ? SenderAnswers::Answer{} : ask_by_sender(tables, null_key, step, setting);
    if (!answer) return std::unexpected(std::move(answer.error()));
    known = std::move(*answer);
  }
  if (known->value.empty() && !tables.empty()) ledger.passes_known(known->candidate);
  return &*known;
}

Result<Router::SenderAnswers::Answer> Router::Decision::ask_by_sender(const Tables& tables,
                                                                      const mail::Address& null_key,
                                                                      std::string_view step,
                                                                      std::string_view setting) const {
  SenderAnswers::Answer answer;
  auto& one = answer.candidate;
  one.step = step;
  one.setting = setting;
  one.origin = tables.origin;
  KeyTrail* const trail = ledger.wanted() ? &one.keys : nullptr;
  // The null sender's key is an address like any other: "<>" is asked for with its quotes first.
  auto looked_up =
      table::find_address(tables.maps, sender.null() ? null_key : sender, settings.delimiters, local, trail);
  if (!looked_up) return unanswered(setting, looked_up.error());
  std::optional<table::Found> found;
  if (*looked_up) found = std::move((*looked_up)->found);
  const bool dunno = found && is_dunno(found->value);
  if (found && !dunno) answer.value = found->value;
  if (!ledger.wanted()) return answer;
  one.rule = setting;
  if (found) {
    one.rule += ": " + found->value;
    one.origin = found->origin;
  }
  if (!found) {
    one.failed = "sender is in " + std::string(setting);
    one.operand = shown(sender);
    one.outcome = "no entry";
  } else if (dunno) {
    one.failed = "the entry is not DUNNO";
    one.operand = found->value;
    one.outcome = "the default is used";
  }
  return answer;
}

void Router::Decision::apply_class_transport(const Text& setting, std::string_view step,
                                             std::string_view name) {
  const auto parts = split_transport(setting.text);
  route.transport = parts.transport;
  auto one = candidate(step, name, setting.text, setting.origin);
  one.transport = parts.transport;
  one.nexthop = parts.nexthop;
  if (!parts.nexthop.empty()) route.nexthop = parts.nexthop;
  ledger.applies(std::move(one));
}

Result<void> Router::Decision::relay_next_hop() {
  constexpr std::string_view kStep = "route.sender_dependent_relayhost",
                             kSetting = "sender_dependent_relayhost_maps";
  if (!off_host()) {
    not_asked(settings.sender_dependent_relayhost, kStep, kSetting);
    return {};
  }
  // From the weakest up, so that the ledger sees who silences whom.
  if (!settings.relayhost.text.empty()) {
    auto one = candidate("route.relayhost", "relayhost", settings.relayhost.text, settings.relayhost.origin);
    one.nexthop = route.nexthop = settings.relayhost.text;
    ledger.applies(std::move(one));
  }
  const auto answer = by_sender(answers.relayhost, settings.sender_dependent_relayhost,
                                settings.null_relayhost_key, kStep, kSetting);
  if (!answer) return std::unexpected(answer.error());
  if (const auto& [value, candidate] = **answer; !value.empty()) {
    route.nexthop = value;
    auto one = candidate;
    one.nexthop = value;
    ledger.applies(std::move(one));
  }
  return {};
}

Result<void> Router::Decision::class_transport() {
  constexpr std::string_view kStep = "route.sender_dependent_default_transport",
                             kSetting = "sender_dependent_default_transport_maps";
  if (route.domain_class != DomainClass::other)
    not_asked(settings.sender_dependent_default_transport, kStep, kSetting);
  switch (route.domain_class) {
    case DomainClass::local:
      apply_class_transport(settings.local_transport, "route.local_transport", "local_transport");
      break;
    case DomainClass::virtual_mailbox:
      apply_class_transport(settings.virtual_transport, "route.virtual_transport", "virtual_transport");
      break;
    case DomainClass::relay:
      apply_class_transport(settings.relay_transport, "route.relay_transport", "relay_transport");
      break;
    case DomainClass::virtual_alias: {
      route.transport = "error";
      route.nexthop =
          std::string("5.1.1 User unknown") + (settings.show_unknown_table ? " in virtual alias table" : "");
      auto one =
          Candidate{"route.virtual_alias", "virtual_alias_domains",
                    "an address of virtual_alias_domains that virtual_alias_maps do not rewrite is unknown",
                    settings.virtual_alias_domains.origin};
      one.transport = route.transport;
      one.nexthop = route.nexthop;
      ledger.applies(std::move(one));
      break;
    }
    case DomainClass::other: {
      const auto answer = by_sender(answers.default_transport, settings.sender_dependent_default_transport,
                                    settings.null_default_transport_key, kStep, kSetting);
      if (!answer) return std::unexpected(answer.error());
      const auto& [value, candidate_of_table] = **answer;
      const auto fallback = split_transport(settings.default_transport.text);
      if (value.empty()) {
        apply_class_transport(settings.default_transport, "route.default_transport", "default_transport");
        break;
      }
      // The table's answer stands for the whole of default_transport, its next hop too.
      auto weaker = candidate("route.default_transport", "default_transport", settings.default_transport.text,
                              settings.default_transport.origin);
      weaker.transport = fallback.transport;
      weaker.failed = "sender is not in sender_dependent_default_transport_maps";
      weaker.operand = shown(sender);
      weaker.outcome = "not used";
      ledger.passes(std::move(weaker));
      const auto parts = split_transport(value);
      route.transport = parts.transport;
      if (!parts.nexthop.empty()) route.nexthop = parts.nexthop;
      if (parts.transport.empty()) {
        return fail(Fault::temporary, std::string(kSetting) + ": \"" + escaped(value, 200) +
                                          "\" names no transport; write transport:nexthop");
      }
      auto one = candidate_of_table;
      one.transport = parts.transport;
      one.nexthop = parts.nexthop;
      ledger.applies(std::move(one));
      break;
    }
  }
  if (route.transport.empty()) {
    return fail(Fault::temporary, "no transport for class " + std::string(text(route.domain_class)) +
                                      ": the setting of its transport begins with a colon");
  }
  return {};
}

Result<void> Router::Decision::transport_maps() {
  constexpr std::string_view kSetting = "transport_maps";
  if (settings.transport.empty()) return {};
  Candidate one{"route.transport_maps", kSetting, {}, settings.transport.origin};
  if (route.domain_class == DomainClass::virtual_alias) {
    one.rule = kSetting;
    one.failed = "recipient domain is not in virtual_alias_domains";
    one.operand = domain();
    one.outcome = "not asked";
    ledger.passes(std::move(one));
    return {};
  }
  auto hit = table::find_transport(settings.transport.maps, route.recipient, settings.delimiters,
                                   settings.transport_parents, ledger.wanted() ? &one.keys : nullptr);
  if (!hit) return unanswered(kSetting, hit.error());
  if (!*hit) {
    one.rule = kSetting;
    one.failed = "recipient or its domain is in transport_maps";
    one.operand = route.recipient.internal();
    one.outcome = "no entry";
    ledger.passes(std::move(one));
    return {};
  }
  const auto& found = (*hit)->found;
  const auto parts = split_transport(found.value);
  if (ledger.wanted()) {
    one.rule = concatenated({kSetting, ": ", (*hit)->key, " ", found.value});
    one.origin = found.origin;
    one.transport = parts.transport;
    one.nexthop = parts.nexthop;
  }
  if (!parts.nexthop.empty()) route.nexthop = parts.nexthop;
  if (parts.transport.empty()) {
    ledger.applies(std::move(one));
    return {};
  }
  route.transport = parts.transport;
  // "transport:" sets the next hop back to the domain: what relayhost and its like named may be of no use to
  // it.
  if (parts.nexthop.empty()) route.nexthop = holds_text(parts.transport) ? std::string(kNoReason) : domain();
  if (ledger.wanted() && parts.nexthop.empty()) one.nexthop = route.nexthop;
  ledger.applies_and_resets(std::move(one));
  return {};
}

Result<void> Router::Decision::relocated_maps() {
  constexpr std::string_view kSetting = "relocated_maps";
  if (settings.relocated.empty()) return {};
  Candidate one{"route.relocated", kSetting, std::string(kSetting), settings.relocated.origin};
  auto hit = table::find_address(settings.relocated.maps, route.recipient, settings.delimiters, local,
                                 ledger.wanted() ? &one.keys : nullptr);
  if (!hit) return unanswered(kSetting, hit.error());
  if (!*hit) {
    one.failed = "recipient is in relocated_maps";
    one.operand = route.recipient.internal();
    one.outcome = "has not moved";
    ledger.passes(std::move(one));
    return {};
  }
  route.transport = "error";
  route.nexthop = "5.1.6 User has moved to " + (*hit)->found.value;
  one.rule += ": " + (*hit)->key + " " + (*hit)->found.value;
  one.origin = (*hit)->found.origin;
  one.transport = route.transport;
  one.nexthop = route.nexthop;
  ledger.applies(std::move(one));
  return {};
}

Result<Route> Router::resolve(const mail::Address& sender, const mail::Address& recipient,
                              SenderAnswers& answers, Explanation* why) const {
  auto form = resolve_form(settings_, local_, recipient);
  if (!form) return std::unexpected(std::move(form.error()));
  Decision decision(*this, sender, answers, why);
  auto& route = decision.route;
  route.recipient = std::move(form->address);
  route.invalid = form->invalid;
  route.routed = form->routed;
  if (why != nullptr && route.recipient != recipient) {
    why->add({"route.recipient",
              "routing in the local part, of our own domains",
              form->match.origin,
              {},
              {},
              recipient.internal(),
              route.recipient.internal()});
  }
  if (route.invalid) {
    if (why != nullptr) {
      why->add({"route.recipient",
                "syntax of the recipient's domain",
                {},
                {},
                "it is a domain or an address literal",
                route.recipient.domain(),
                "no route"});
    }
    return std::move(route);
  }
  if (auto ok = decision.classify(*form); !ok) return std::unexpected(std::move(ok.error()));
  route.nexthop = route.recipient.domain();
  for (const auto step : {&Decision::relay_next_hop, &Decision::class_transport, &Decision::transport_maps,
                          &Decision::relocated_maps}) {
    if (auto ok = (decision.*step)(); !ok) return std::unexpected(std::move(ok.error()));
  }
  // External commands could take such an address for an option.
  route.invalid = !settings_.allow_min_user && route.recipient.local().starts_with('-');
  if (why != nullptr) {
    decision.ledger.finish(route.invalid
                               ? "invalid: the local part begins with '-'"
                               : concatenated({"transport ", route.transport, ", next hop ", route.nexthop}));
  }
  return std::move(route);
}

Router::Message::Message(const Router& router, const mail::Address& sender)
    : router_(router), sender_(sender), answers_(std::make_unique<SenderAnswers>()) {}
Router::Message::~Message() = default;

Result<Route> Router::Message::resolve(const mail::Address& recipient, Explanation& why) {
  auto route = router_.resolve(sender_, recipient, *answers_, &why);
  if (!route) {
    why.add({"route.result", {}, {}, {}, "all tables answer", route.error().text, "deferred"});
  }
  return route;
}

Result<Route> Router::resolve(const mail::Address& sender, const mail::Address& recipient,
                              Explanation& why) const {
  return Message(*this, sender).resolve(recipient, why);
}

Result<Route> Router::resolve(const mail::Address& sender, const mail::Address& recipient) const {
  SenderAnswers answers;
  return resolve(sender, recipient, answers, nullptr);
}

Result<Route> Router::filter(std::string_view filter, const mail::Address& recipient,
                             Explanation& why) const {
  const auto parts = split_transport(filter);
  Route route;
  route.recipient = recipient;
  route.transport = parts.transport;
  if (!parts.nexthop.empty()) {
    route.nexthop = parts.nexthop;
  } else if (!settings_.default_filter_nexthop.text.empty()) {
    route.nexthop = settings_.default_filter_nexthop.text;
  } else {
    route.nexthop = recipient.has_domain() ? recipient.domain() : settings_.myhostname;
  }
  if (route.transport.empty()) {
    return fail(Fault::temporary, "filter \"" + escaped(filter, 200) + "\" names no transport");
  }
  why.add({"route.filter",
           filter,
           {},
           {},
           {},
           {},
           "transport " + route.transport + ", next hop " + route.nexthop});
  return route;
}

}  // namespace hikyaku::route
