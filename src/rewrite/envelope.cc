#include "rewrite/envelope.h"

#include <utility>

#include "base/concatenated.h"
#include "mail/header.h"
#include "rewrite/address_chain.h"
#include "rewrite/rewriter.h"
#include "rewrite/srs.h"

namespace hikyaku::rewrite {
namespace {

constexpr std::string_view kSenderSubject = "envelope sender";
constexpr std::string_view kRecipientSubject = "envelope recipient";

void fold(std::string& text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
}
std::string folded(std::string_view text) {
  std::string out(text);
  fold(out);
  return out;
}

Refusal unanswered() { return {451, "4.3.0", "Error: queue file write error"}; }
Refusal alias_error() { return {451, "4.6.0", "Alias expansion error"}; }

/// A virtual alias while it is being expanded: addresses are replaced in place and appended, until none
/// changes.
class AliasExpansion {
 public:
  AliasExpansion(const Rewriter& rewriter, Explanation& why) : rewriter_(rewriter), why_(why) {}

  /// The addresses, or why there are none.
  Result<std::vector<mail::Address>> run(const mail::Address& start) {
    const auto& limits = rewriter_.settings().virtual_limits;
    addresses_ = {start};
    for (std::size_t i = 0; i < addresses_.size(); ++i) {
      if (addresses_.size() > limits.expansion) return refuse("expansion size", start);
      for (std::size_t depth = 0; !expanded_into_itself(addresses_[i]); ++depth) {
        if (depth >= limits.recursion) return refuse("nesting", start);
        auto more = step(i);
        if (!more) return std::unexpected(std::move(more.error()));
        if (!*more) break;
      }
    }
    return std::move(addresses_);
  }

 private:
  bool expanded_into_itself(const mail::Address& address) const {
    return !expanded_into_itself_.empty() && expanded_into_itself_.contains(folded(address.internal()));
  }

  Result<bool> step(std::size_t index) {
    const auto& settings = rewriter_.settings();
    const auto& map = settings.virtual_alias;
    KeyTrail trail;
    auto found = map_address(map.maps, addresses_[index], settings.lookup.propagate_virtual, settings.lookup,
                             rewriter_.completion(), &trail);
    if (!found) {
      why_.add({map.step, map.setting, map.origin, trail.joined(), "the table answers", found.error().text,
                "refused for now with 451"});
      return std::unexpected(std::move(found.error()));
    }
    if (found->addresses.empty()) {
      const auto same = shown(addresses_[index]);
      why_.add({map.step, map.setting, map.origin, trail.joined(), "one of the keys is in the table", same,
                concatenated({kRecipientSubject, ": ", same, " stays"})});
      return false;
    }
    const auto before = addresses_[index];
    auto outcome = concatenated({kRecipientSubject, ": ", shown(before), " ->"});
    for (std::size_t i = 0; i < found->addresses.size(); ++i) {
      auto& address = found->addresses[i];
      const auto internal = address.internal();
      if (internal.size() > settings.virtual_limits.address_length) {
        return std::unexpected(
            refuse("result of " + std::to_string(internal.size()) + " octets", before).error());
      }
      if (mail::same_header_name(internal, before.internal())) expanded_into_itself_.insert(folded(internal));
      if (i < 10) outcome += (i == 0 ? " " : ", ") + shown(address);
      if (i == 10) outcome += ", ...";
      if (i == 0) {
        addresses_[index] = std::move(address);
      } else {
        addresses_.push_back(std::move(address));
      }
    }
    why_.add({map.step, found->hit.rule, found->hit.origin, trail.joined(), {}, {}, outcome});
    return true;
  }

  Result<std::vector<mail::Address>> refuse(std::string_view what, const mail::Address& start) {
    const auto& map = rewriter_.settings().virtual_alias;
    std::string text = "unreasonable virtual_alias_maps map ";
    text += what;
    text += " for " + shown(start);
    why_.add({map.step,
              map.setting,
              map.origin,
              {},
              "the expansion stays within its limits",
              shown(start),
              "refused with 451 4.6.0 Alias expansion error"});
    return fail(Fault::temporary, std::move(text));
  }

  const Rewriter& rewriter_;
  Explanation& why_;
  std::vector<mail::Address> addresses_;
  std::unordered_set<std::string> expanded_into_itself_;
};

}  // namespace

void EnvelopeRewriting::refuse(Refusal refusal) {
  if (!result_.refusal) result_.refusal = std::move(refusal);
}

mail::Address EnvelopeRewriting::sender(const mail::Address& given) {
  const auto& settings = rewriter_.settings();
  const AddressChain chain(settings, rewriter_.completion());
  auto address = given;
  chain.complete(address, Completion::Context::local, kSenderSubject, why_);
  constexpr std::string_view kDaemon = "mailer-daemon";
  if (mail::same_header_name(address.local(), kDaemon)) {
    const auto own =
        rewriter_.completion().address(*mail::Address::from_internal(kDaemon), Completion::Context::local);
    if (mail::same_header_name(own.internal(), address.internal())) {
      why_.add({"rewrite.null_sender",
                "mail from mailer-daemon has the null sender",
                settings.completion.myorigin.origin,
                {},
                {},
                {},
                "envelope sender: " + shown(address) + " -> <>"});
      address = {};
    }
  }
  auto mapped = chain.map(address, AddressClass::envelope_sender, kSenderSubject, true, why_);
  if (!mapped.problem.empty()) result_.warnings.push_back(std::move(mapped.problem));
  if (mapped.failed) refuse(unanswered());
  add_bcc_of(settings.sender_bcc, address, Expanded::From::sender_bcc);
  return address;
}

void EnvelopeRewriting::add_bcc_of(const AddressMap& map, const mail::Address& address, Expanded::From from) {
  if (map.maps.empty() || address.null()) return;
  KeyTrail trail;
  const auto& lookup = rewriter_.settings().lookup;
  auto found = table::find_address(map.maps, address, lookup.delimiters, *lookup.local_domains, &trail);
  if (!found) {
    why_.add({map.step, map.setting, map.origin, trail.joined(), "the table answers", found.error().text,
              "refused for now with 451"});
    result_.warnings.push_back(std::string(map.setting) + ": " + found.error().text);
    refuse(unanswered());
    return;
  }
  if (!*found) {
    why_.add({map.step, map.setting, map.origin, trail.joined(), "one of the keys is in the table",
              shown(address), "no copy"});
    return;
  }
  const auto& hit = **found;
  why_.add({map.step,
            hit.key + " " + hit.found.value,
            hit.found.origin,
            trail.joined(),
            {},
            {},
            "a copy to " + hit.found.value});
  auto bcc = mail::Address::from_internal(mail::unquote_local_part(hit.found.value));
  if (bcc) add_bcc(*bcc, from);
}

void EnvelopeRewriting::take_back_srs(mail::Address& address) {
  const auto& srs = rewriter_.settings().srs;
  if (!srs || !srs->has_form(address)) return;
  const auto rule = "hikyaku_srs_domain = " + srs->settings().domain;
  const auto origin = srs->settings().origin;
  auto reversed = srs->reverse(address, now_);
  if (!reversed) {
    const auto& text = reversed.error().text;
    why_.add({"rewrite.srs",
              rule,
              origin,
              {},
              "the rewritten sender is one of ours",
              text,
              "refused with 550 5.1.1"});
    refuse({550, "5.1.1", text});
    return;
  }
  std::string outcome(kRecipientSubject);
  outcome += ": " + shown(address) + " -> " + shown(*reversed);
  why_.add({"rewrite.srs", rule, origin, {}, {}, {}, outcome});
  address = std::move(*reversed);
}

mail::Address EnvelopeRewriting::map_recipient(const mail::Address& given) {
  const AddressChain chain(rewriter_.settings(), rewriter_.completion());
  auto address = given;
  if (address.null()) {
    const auto stand_in = mail::Address::from_internal(rewriter_.settings().empty_recipient.text);
    if (stand_in) address = *stand_in;
  }
  chain.complete(address, Completion::Context::local, kRecipientSubject, why_);
  take_back_srs(address);
  auto mapped = chain.map(address, AddressClass::envelope_recipient, kRecipientSubject, true, why_);
  if (!mapped.problem.empty()) result_.warnings.push_back(std::move(mapped.problem));
  if (mapped.failed) refuse(unanswered());
  return address;
}

void EnvelopeRewriting::recipient(const Recipient& given) {
  const auto mapped = map_recipient(given.address);
  expand(mapped, given.address, given.dsn_original, given.notify, Expanded::From::named);
  add_bcc_of(rewriter_.settings().recipient_bcc, mapped, Expanded::From::recipient_bcc);
}

void EnvelopeRewriting::add_bcc(const mail::Address& address, Expanded::From from) {
  const auto mapped = map_recipient(address);
  expand(mapped, mapped, {}, notify::kNever, from);
}

void EnvelopeRewriting::expand(const mail::Address& mapped, const mail::Address& original,
                               const std::string& dsn_original, std::uint8_t notify, Expanded::From from) {
  if (rewriter_.settings().virtual_alias.maps.empty()) {
    keep({mapped, original, dsn_original, notify, from});
    return;
  }
  auto all = AliasExpansion(rewriter_, why_).run(mapped);
  if (!all) {
    result_.warnings.push_back(all.error().text);
    refuse(alias_error());
    keep({mapped, original, dsn_original, notify, from});
    return;
  }
  if ((notify & notify::kSuccess) != 0 && (all->size() > 1 || all->front() != mapped)) {
    result_.alias_expanded.push_back({original, dsn_original, notify});
    notify = static_cast<std::uint8_t>(notify & ~notify::kSuccess);
    if (notify == 0) notify = notify::kNever;
  }
  for (auto& address : *all) keep({std::move(address), original, dsn_original, notify, from});
}

void EnvelopeRewriting::keep(Expanded recipient) {
  std::string key;
  const auto add = [&key](const mail::Address& address) {
    key += address.local();
    if (address.has_domain()) key += '@';
    key += address.domain();
  };
  const auto& original = recipient.original;
  key.reserve(recipient.address.local().size() + recipient.address.domain().size() + original.local().size() +
              original.domain().size() + recipient.dsn_original.size() + 5);
  add(recipient.address);
  const bool with_original = rewriter_.settings().enable_original_recipient.on;
  if (with_original) {
    key += '\n';
    key += recipient.dsn_original;
    key += '\n';
    add(original);
  }
  fold(key);
  if (with_original) key += static_cast<char>(recipient.notify);
  if (seen_.insert(std::move(key)).second) {
    constexpr std::size_t kUsual = 8;
    if (result_.recipients.empty()) result_.recipients.reserve(kUsual);
    result_.recipients.push_back(std::move(recipient));
    return;
  }
  why_.add({"rewrite.duplicate",
            "one delivery for each recipient and original recipient",
            rewriter_.settings().enable_original_recipient.origin,
            {},
            "the recipient is a new one",
            shown(recipient.address),
            "dropped as a duplicate"});
}

EnvelopeResult EnvelopeRewriting::finish() {
  const auto& always = rewriter_.settings().always_bcc;
  if (!always.text.empty() && !result_.recipients.empty()) {
    auto address = mail::Address::from_internal(mail::unquote_local_part(always.text));
    why_.add({"rewrite.always_bcc", "always_bcc", always.origin, {}, {}, {}, "a copy to " + always.text});
    if (address) add_bcc(*address, Expanded::From::always_bcc);
  }
  return std::move(result_);
}

}  // namespace hikyaku::rewrite
