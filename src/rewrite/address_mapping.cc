#include "rewrite/address_mapping.h"

#include <utility>

#include "base/concatenated.h"
#include "mail/address_list.h"
#include "mail/header.h"

namespace hikyaku::rewrite {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

Result<mail::Address> read_result(std::string_view external, std::string_view extension,
                                  const Completion& completion) {
  auto internal = mail::unquote_local_part(completion.external(external, Completion::Context::local));
  if (!extension.empty()) {
    const auto at = internal.rfind('@');
    internal.insert(at == std::string::npos ? internal.size() : at, extension);
  }
  return mail::Address::from_internal(internal);
}

bool same(const mail::Address& a, const mail::Address& b) {
  return a.has_domain() == b.has_domain() && mail::same_header_name(a.local(), b.local()) &&
         mail::same_header_name(a.domain(), b.domain());
}

}  // namespace

std::string shown(const mail::Address& address) { return address.null() ? "<>" : address.text(); }

Result<MapResult> map_address(const table::Maps& maps, const mail::Address& address, bool propagate,
                              const LookupSettings& lookup, const Completion& completion, KeyTrail* trail) {
  MapResult result;
  std::string_view extension;
  std::optional<table::KeyHit> hit;
  if (address.null()) {
    // The null sender is looked up as the empty local part in its quotes, so that patterns can see it.
    auto answer = maps.find("\"\"", trail);
    if (!answer) return std::unexpected(std::move(answer.error()));
    if (*answer) hit = table::KeyHit{std::move(**answer), "\"\"", table::KeyHit::By::address, {}};
  } else {
    auto answer = table::find_address(maps, address, lookup.delimiters, *lookup.local_domains, trail);
    if (!answer) return std::unexpected(std::move(answer.error()));
    hit = std::move(*answer);
  }
  if (!hit) return result;
  if (hit->propagates()) extension = hit->extension;
  result.hit.origin = hit->found.origin;
  result.hit.rule = concatenated({hit->key, " ", hit->found.value});

  std::string with_user;
  std::string_view value = hit->found.value;
  if (value.starts_with('@')) {
    auto local = std::string_view(address.local());
    if (local.ends_with(extension)) local.remove_suffix(extension.size());
    with_user = mail::quote_bare_local_part(local);
    with_user += value;
    value = with_user;
  }
  const auto appended = propagate ? extension : std::string_view{};
  if (is_plain_full_address(value)) {
    auto one = read_result(value, appended, completion);
    if (one) result.addresses.push_back(std::move(*one));
  } else {
    const auto list = mail::AddressList::parse(value, 0);
    for (std::size_t i = 0; i < list.size(); ++i) {
      auto one = read_result(list.external(i), appended, completion);
      if (one) result.addresses.push_back(std::move(*one));
    }
  }
  if (result.addresses.empty()) {
    return fail(Fault::temporary, "lookup of " + shown(address) + " gives \"" + hit->found.value +
                                      "\", which is no address; correct the right-hand side");
  }
  return result;
}

MapOnce OneToOne::pass(const AddressMap& map, mail::Address& address, bool& found, MapHit& hit,
                       KeyTrail& trail) const {
  MapOnce once;
  auto result = map_address(map.maps, address, lookup_.propagate_canonical, lookup_, completion_, &trail);
  if (!result) {
    once.failed = true;
    once.problem = std::string(map.setting) + ": " + result.error().text;
    return once;
  }
  found = !result->addresses.empty();
  if (!found) return once;
  hit = std::move(result->hit);
  once.changed = address != result->addresses.front();
  found = !same(address, result->addresses.front());
  address = std::move(result->addresses.front());
  return once;
}

MapOnce OneToOne::apply(const AddressMap& map, mail::Address& address, MapHit& first, KeyTrail& trail) const {
  MapOnce all;
  for (int count = 0; count < kPassLimit; ++count) {
    bool go_on = false;
    MapHit hit;
    KeyTrail later;
    auto once = pass(map, address, go_on, hit, count == 0 ? trail : later);
    all.changed = all.changed || once.changed;
    if (count == 0) first = std::move(hit);
    if (once.failed) {
      all.failed = true;
      all.problem = std::move(once.problem);
      return all;
    }
    if (!go_on) return all;
  }
  all.looped = true;
  all.problem = "unreasonable " + std::string(map.setting) + " map nesting for " + shown(address);
  return all;
}

MapOnce OneToOne::apply(const AddressMap& map, mail::Address& address, std::string_view subject,
                        bool recorded, Explanation& why) const {
  MapOnce all;
  for (int count = 0; count < kPassLimit; ++count) {
    bool go_on = false;
    MapHit hit;
    KeyTrail trail;
    const auto before = shown(address);
    auto once = pass(map, address, go_on, hit, trail);
    all.changed = all.changed || once.changed;
    if (once.failed) {
      why.add({map.step, map.setting, map.origin, trail.joined(), "the table answers", once.problem,
               "refused for now with 451"});
      all.failed = true;
      all.problem = std::move(once.problem);
      return all;
    }
    if (!hit.rule.empty()) {
      const auto outcome = once.changed ? concatenated({subject, ": ", before, " -> ", shown(address)})
                                        : concatenated({subject, ": ", before, " stays"});
      why.add({map.step, hit.rule, hit.origin, trail.joined(), {}, {}, outcome});
    } else if (recorded && count == 0) {
      why.add({map.step, map.setting, map.origin, trail.joined(), "one of the keys is in the table", before,
               concatenated({subject, ": ", before, " stays"})});
    }
    if (!go_on) return all;
  }
  all.looped = true;
  all.problem = "unreasonable " + std::string(map.setting) + " map nesting for " + shown(address);
  why.add({map.step,
           map.setting,
           map.origin,
           {},
           "the map comes to an end within 10 passes",
           shown(address),
           "the last value is taken"});
  return all;
}

const MasqueradeDomain* masquerade(const MasqueradeSettings& settings, mail::Address& address,
                                   std::string_view& kept) {
  if (settings.domains.empty() || !address.has_domain()) return nullptr;
  if (!settings.exceptions.empty()) {
    const auto match = settings.exceptions.match(mail::quote_bare_local_part(address.local()), nullptr);
    if (match && *match) {
      kept = "the user is not in masquerade_exceptions";
      return nullptr;
    }
  }
  const auto domain = lower(address.domain());
  for (const auto& rule : settings.domains) {
    if (rule.domain.empty() || !domain.ends_with(rule.domain)) continue;
    if (rule.domain.size() == domain.size()) return nullptr;
    if (domain[domain.size() - rule.domain.size() - 1] != '.') continue;
    if (rule.exempt) {
      kept = "the domain is not exempt by \"!\"";
      return nullptr;
    }
    auto changed = mail::Address::from_internal(address.local() + "@" + rule.domain);
    if (!changed) return nullptr;
    const bool differs = *changed != address;
    address = std::move(*changed);
    return differs ? &rule : nullptr;
  }
  return nullptr;
}

}  // namespace hikyaku::rewrite
