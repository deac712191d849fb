#include "milter/shared_negotiation.h"

#include <algorithm>

namespace hikyaku::milter {
namespace {

// These have to be the same at both ends.
constexpr std::uint32_t kHandedOn =
    step::rejected_recipients | step::header_leading_space | step::data_256k | step::data_1m;

Offer offer(std::uint32_t actions, std::uint32_t steps) {
  return {kVersion, actions & action::all, (step::all & ~kHandedOn) | (steps & kHandedOn)};
}

void join(MacroNames& names, const MacroNames& more) {
  for (const auto& name : more) {
    const auto same = [&](const auto& known) { return canonical_macro(known) == canonical_macro(name); };
    if (std::ranges::none_of(names, same)) names.push_back(name);
  }
}

}  // namespace

Offer offer_to_filters(const Offer& mta) { return offer(mta.actions, mta.steps); }
Offer offer_to_filters(const Agreement& mta, std::uint32_t actions, Part part) {
  if (part == Part::acting) actions &= mta.actions | action::set_macro_lists;
  return offer(actions, mta.steps);
}

Wishes SharedWishes::wishes() const {
  Wishes wishes;
  // What a filter says to a header or the body can wait: the MTA has the whole message already, and the
  // client is answered at its end. It does send a body to the end that nobody wants any more (SKIP), which
  // costs less than to wait for an answer to each part of all the others.
  wishes.steps = step::skip | step::header_leading_space | step::no_reply_header |
                 step::no_reply_end_of_headers | step::no_reply_body;
  for (const auto* one : acting) wishes.actions |= one->actions & ~action::set_macro_lists;
  std::vector<const Agreement*> all(acting.begin(), acting.end());
  all.insert(all.end(), looking_on.begin(), looking_on.end());
  for (const auto* one : all)
    wishes.steps |= one->steps & (step::rejected_recipients | step::data_256k | step::data_1m);
  for (const auto command : kMayBeLeftOut) {
    const bool ours = answered.contains(command);
    const auto sent = [&](const auto* one) { return one->sends(command); };
    const auto replies = [&](const auto* one) { return one->sends(command) && one->answers(command); };
    if (!ours && !wanted.contains(command) && std::ranges::none_of(all, sent))
      wishes.steps |= step::not_sent(command);
    if (!ours && std::ranges::none_of(all, replies)) wishes.steps |= step::no_reply(command);
  }
  for (std::size_t stage = 0; stage < kSettableStages; ++stage) {
    const auto sets = [&](const auto* one) { return one->macros[stage].has_value(); };
    if (std::ranges::none_of(all, sets)) continue;
    MacroNames names;
    for (const auto* one : all)
      join(names,
           one->macros[stage] ? *one->macros[stage] : MacroLists::postfix()[static_cast<Stage>(stage)]);
    if (macros[stage]) join(names, *macros[stage]);
    wishes.macros[stage] = std::move(names);
  }
  return wishes;
}

}  // namespace hikyaku::milter
