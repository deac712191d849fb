#include "rewrite/outbound.h"

#include <utility>

#include "mail/address_list.h"
#include "mail/header.h"
#include "rewrite/address_mapping.h"
#include "rewrite/content_checks.h"
#include "rewrite/header_output.h"

namespace hikyaku::rewrite {
namespace {

bool is_set(const Checks& checks) { return !checks.maps.empty(); }

}  // namespace

Outbound::Outbound(OutboundSettings settings)
    : settings_(std::move(settings)),
      completion_(settings_.completion),
      changes_addresses_(!settings_.generic.maps.empty()),
      checks_headers_(is_set(settings_.header_checks) || is_set(settings_.mime_header_checks)),
      inspects_body_(is_set(settings_.mime_header_checks) || is_set(settings_.nested_header_checks) ||
                     is_set(settings_.body_checks)) {}

Result<mail::Address> Outbound::address(const mail::Address& address, std::string_view which,
                                        Explanation& why) const {
  if (!changes_addresses_ || address.null()) return address;
  const auto& map = settings_.generic;
  KeyTrail trail;
  auto found = map_address(map.maps, address, settings_.lookup.propagate_generic, settings_.lookup,
                           completion_, &trail);
  std::string outcome(which);
  outcome += ": " + shown(address);
  if (!found) {
    why.add({map.step, map.setting, map.origin, trail.joined(), "the table answers", found.error().text,
             "delivery deferred"});
    return std::unexpected(std::move(found.error()));
  }
  if (found->addresses.empty()) {
    why.add({map.step, map.setting, map.origin, trail.joined(), "one of the keys is in the table",
             shown(address), outcome + " stays"});
    return address;
  }
  why.add({map.step,
           found->hit.rule,
           found->hit.origin,
           trail.joined(),
           {},
           {},
           outcome + " -> " + shown(found->addresses.front())});
  return std::move(found->addresses.front());
}

Result<std::optional<std::string>> Outbound::generic_header(std::string_view name, std::string_view value,
                                                            Explanation& why) const {
  auto list = mail::AddressList::parse(value, settings_.address_token_limit);
  const std::string subject = "header " + std::string(name);
  bool changed = false;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const auto given = mail::Address::from_internal(list.internal(i));
    if (!given) continue;
    auto mapped = address(*given, subject, why);
    if (!mapped) return std::unexpected(std::move(mapped.error()));
    if (*mapped == *given) continue;
    list.replace(i, mapped->null() ? "\"\"" : mapped->text());
    changed = true;
  }
  if (!changed) return std::optional<std::string>{};
  return std::optional(mail::fold_address_header(name, list.text()));
}

Result<Outbound::Headers> Outbound::headers(std::string_view section, Explanation& why) const {
  Headers result;
  if (!changes_headers()) return result;
  HeaderOutput output(section);
  std::string folds;
  mail::HeaderFields fields(section);
  while (const auto source = fields.next()) {
    if (source->name.empty()) continue;
    auto field = *source;
    const auto& checks =
        mail::header_kind(field.name).mime ? settings_.mime_header_checks : settings_.header_checks;
    CheckResult checked;
    if (!checks.maps.empty()) {
      checked = apply_checks(checks, with_plain_folds(field.text, folds), Content::header,
                             CheckedBy::smtp_client, result.actions, why);
      if (checked.failed) return fail(Fault::temporary, result.actions.warnings.back());
    }
    if (!checked.prepend.empty()) output.insert_before(*source, checked.prepend);
    if (checked.kind == CheckResult::Kind::drop) {
      output.drop(*source);
      continue;
    }
    if (checked.kind == CheckResult::Kind::replace) field = *mail::read_header(checked.text);
    if (changes_addresses_ && mail::header_kind(field.name).role != mail::HeaderRole::other) {
      auto mapped = generic_header(field.name, field.value, why);
      if (!mapped) return std::unexpected(std::move(mapped.error()));
      if (*mapped) {
        output.replace_raw(*source, **mapped);
        continue;
      }
    }
    if (checked.kind == CheckResult::Kind::replace) output.replace(*source, checked.text);
  }
  result.section = output.finish();
  return result;
}

BodyInspection Outbound::body(std::string_view section, Explanation& why) const {
  return BodyInspection({settings_.mime_header_checks, settings_.nested_header_checks, settings_.body_checks},
                        0, CheckedBy::smtp_client, section, false, why);
}

}  // namespace hikyaku::rewrite
