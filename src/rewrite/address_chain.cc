#include "rewrite/address_chain.h"

#include <array>
#include <utility>

namespace hikyaku::rewrite {
namespace {

bool of_sender(AddressClass one) {
  return one == AddressClass::envelope_sender || one == AddressClass::header_sender;
}

std::string arrow(std::string_view subject, std::string_view before, std::string_view after) {
  std::string text(subject);
  text += ": ";
  text += before;
  text += " -> ";
  text += after;
  return text;
}

std::string class_condition(const AddressMap& map, AddressClass one) {
  std::string text = "class ";
  text += class_name(one);
  text += " is on for ";
  text += map.setting;
  return text;
}

}  // namespace

std::string_view class_name(AddressClass one) {
  switch (one) {
    case AddressClass::envelope_sender:
      return "envelope_sender";
    case AddressClass::envelope_recipient:
      return "envelope_recipient";
    case AddressClass::header_sender:
      return "header_sender";
    case AddressClass::header_recipient:
      return "header_recipient";
  }
  return "?";
}

const AddressMap& AddressChain::own_map(AddressClass one) const {
  return of_sender(one) ? settings_.sender_canonical : settings_.recipient_canonical;
}

bool AddressChain::active(AddressClass one) const {
  const auto on = [one](const AddressMap& map) { return !map.maps.empty() && map.classes.has(one); };
  return on(own_map(one)) || on(settings_.canonical) ||
         (!settings_.masquerade.domains.empty() && settings_.masquerade.classes.has(one));
}

bool AddressChain::complete(mail::Address& address, Completion::Context context, std::string_view subject,
                            Explanation& why) const {
  if (is_plain_full_address(address)) return false;
  auto full = completion_.address(address, context);
  if (full == address) return false;
  const auto& settings = completion_.settings();
  std::string_view rule = "address in its plain form";
  Origin origin;
  if (context == Completion::Context::remote) {
    rule = "remote_header_rewrite_domain";
    origin = settings.remote_domain.origin;
  } else if (!address.has_domain() && full.domain().starts_with(settings.myorigin.text)) {
    rule = "append_at_myorigin";
    origin = settings.myorigin.origin;
  } else if (address.has_domain() && address.domain().find('.') == std::string::npos) {
    rule = "append_dot_mydomain";
    origin = settings.append_dot_mydomain.origin;
  }
  why.add({"rewrite.completion", rule, origin, {}, {}, {}, arrow(subject, shown(address), shown(full))});
  address = std::move(full);
  return true;
}

ChainResult AddressChain::map(mail::Address& address, AddressClass one, std::string_view subject,
                              bool recorded, Explanation& why) const {
  ChainResult result;
  for (const auto* map : {&own_map(one), &settings_.canonical}) {
    if (map->maps.empty()) continue;
    if (!map->classes.has(one)) {
      if (recorded) {
        why.add({map->step,
                 map->setting,
                 map->classes.origin,
                 {},
                 class_condition(*map, one),
                 class_name(one),
                 std::string(subject) + ": " + shown(address) + " stays"});
      }
      continue;
    }
    auto once = maps_.apply(*map, address, subject, recorded, why);
    result.changed = result.changed || once.changed;
    result.failed = result.failed || once.failed;
    if (!once.problem.empty()) result.problem = std::move(once.problem);
  }
  const auto& masking = settings_.masquerade;
  if (!masking.domains.empty() && masking.classes.has(one)) {
    const auto before = shown(address);
    std::string_view kept;
    if (const auto* rule = masquerade(masking, address, kept)) {
      result.changed = true;
      why.add({"rewrite.masquerade",
               rule->domain,
               rule->origin,
               {},
               {},
               {},
               arrow(subject, before, shown(address))});
    } else if (recorded && !kept.empty()) {
      why.add({"rewrite.masquerade",
               "masquerade_domains",
               masking.exceptions_origin,
               {},
               kept,
               before,
               std::string(subject) + ": " + before + " stays"});
    }
  }
  return result;
}

void AddressChain::record_missed(mail::Address address, AddressClass one, std::string_view subject,
                                 std::string_view client, Explanation& why) const {
  const auto add = [&](std::string_view step, const std::string& rule, Origin origin, const KeyTrail& trail,
                       const std::string& before) {
    std::string outcome(subject);
    outcome += " left as it is: " + before + " would become " + shown(address);
    why.add(
        {step, rule, origin, trail.joined(), "client matches local_header_rewrite_clients", client, outcome});
  };
  auto full = completion_.address(address, Completion::Context::local);
  const auto given = shown(address);
  address = std::move(full);
  for (const auto* map : {&own_map(one), &settings_.canonical}) {
    if (map->maps.empty() || !map->classes.has(one)) continue;
    MapHit first;
    KeyTrail trail;
    const auto before = shown(address);
    if (maps_.apply(*map, address, first, trail).changed)
      add(map->step, first.rule, first.origin, trail, before);
  }
  const auto& masking = settings_.masquerade;
  if (masking.domains.empty() || !masking.classes.has(one)) return;
  const auto before = shown(address);
  std::string_view kept;
  if (const auto* rule = masquerade(masking, address, kept))
    add("rewrite.masquerade", rule->domain, rule->origin, {}, before);
}

}  // namespace hikyaku::rewrite
