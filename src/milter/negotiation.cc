#include "milter/negotiation.h"

#include <algorithm>
#include <charconv>

namespace hikyaku::milter {
namespace {

constexpr std::uint32_t kSteps2 = 0x7F;
constexpr std::uint32_t kSteps3 = kSteps2 | step::no_unknown;
constexpr std::uint32_t kSteps4 = kSteps3 | step::no_data;
constexpr std::uint32_t kDataSizes = step::data_256k | step::data_1m;
// Steps that leave out an event or a reply: what a filter sets of them holds, offered or not.
constexpr std::uint32_t kLeaveOut =
    step::all & ~(step::skip | step::rejected_recipients | step::header_leading_space);

std::string hex(std::uint32_t value) {
  char digits[8];
  const auto end = std::to_chars(digits, digits + sizeof digits, value, 16).ptr;
  return "0x" + std::string(digits, end);
}

}  // namespace

Offer Offer::of_version(std::uint32_t version) {
  Offer offer;
  offer.version = std::clamp(version, kOldestVersion, kVersion);
  offer.steps = version >= 6 ? step::all : version >= 4 ? kSteps4 : version == 3 ? kSteps3 : kSteps2;
  return offer;
}

void Offer::append_to(std::string& out) const {
  PacketWriter(out, Command::negotiate).number32(version).number32(actions).number32(steps);
}

Result<Offer> Offer::parse(std::string_view data) {
  FieldReader reader("the MTA's offer", data);
  Offer offer;
  for (auto* field : {&offer.version, &offer.actions, &offer.steps}) {
    const auto number = reader.number32();
    if (!number) return std::unexpected(number.error());
    *field = *number;
  }
  // What may stand behind is for a later version to know.
  return offer;
}

void Answer::append_to(std::string& out) const {
  PacketWriter writer(out, Response::negotiate);
  writer.number32(version).number32(actions).number32(steps);
  for (std::uint32_t stage = 0; stage < macros.size(); ++stage)
    if (macros[stage]) writer.number32(stage).string(text(*macros[stage]));
}

Result<Answer> Answer::parse(std::string_view data) {
  FieldReader reader("the filter's answer to the negotiation", data);
  Answer answer;
  for (auto* field : {&answer.version, &answer.actions, &answer.steps}) {
    const auto number = reader.number32();
    if (!number) return std::unexpected(number.error());
    *field = *number;
  }
  while (!reader.empty()) {
    const auto stage = reader.number32();
    if (!stage) return std::unexpected(stage.error());
    const auto names = reader.string();
    if (!names) return std::unexpected(names.error());
    if (*stage < kSettableStages) {
      answer.macros[*stage] = macro_names(*names);
    } else if (answer.unknown_stages.size() < kStages) {
      answer.unknown_stages.push_back(*stage);
    }
  }
  return answer;
}

bool Agreement::knows(Command command) const {
  if (version < kOldestVersion) return true;
  return version >= (command == Command::data ? 4U : command == Command::unknown ? 3U : kOldestVersion);
}

bool Agreement::sends(Command command) const {
  return knows(command) && (steps & step::not_sent(command)) == 0;
}

bool Agreement::answers(Command command) const {
  if (command == Command::macros || command == Command::abort || command == Command::quit ||
      command == Command::quit_new_connection)
    return false;
  return (steps & step::no_reply(command)) == 0;
}

std::size_t Agreement::data_size() const {
  return has(step::data_1m) ? kDataSize1M : has(step::data_256k) ? kDataSize256K : kDataSize;
}

Result<Agreement> agree(const Offer& offer, const Answer& answer) {
  // A filter that says 0 or 1 does not know the protocol's versions; as with Postfix it works, and gets all.
  if (answer.version > offer.version)
    return fail(Fault::malformed, "the filter speaks version " + std::to_string(answer.version) +
                                      "; no more than " + std::to_string(offer.version) +
                                      " was offered (see milter_protocol)");
  if (const auto more = answer.actions & ~offer.actions; more != 0)
    return fail(Fault::malformed, "the filter wants the actions " + hex(more) + ", which were not offered");
  return Agreement{answer.version, answer.actions,
                   (answer.steps & kLeaveOut) | (answer.steps & offer.steps & (step::all | kDataSizes)),
                   answer.macros};
}

Result<Answered> answer(const Offer& offer, const Wishes& wishes) {
  if (offer.version < kOldestVersion)
    return fail(Fault::permanent, "the MTA speaks version " + std::to_string(offer.version) +
                                      " of the milter protocol; 2 is the oldest that is understood");
  if (const auto lacks = wishes.actions & ~offer.actions & ~action::set_macro_lists; lacks != 0)
    return fail(Fault::permanent, "the MTA does not offer the actions " + hex(lacks));
  if (const auto lacks = wishes.needed_steps & ~offer.steps; lacks != 0)
    return fail(Fault::permanent, "the MTA does not offer the protocol steps " + hex(lacks));
  Answered done;
  auto& told = done.answer;
  told.version = std::min(offer.version, wishes.version);
  told.actions = wishes.actions & offer.actions;
  told.steps = (wishes.steps | wishes.needed_steps) & offer.steps;
  if ((told.steps & step::data_1m) != 0) told.steps &= ~step::data_256k;
  if ((offer.actions & action::set_macro_lists) != 0) told.macros = wishes.macros;
  if (std::ranges::any_of(told.macros, [](const auto& list) { return list.has_value(); }))
    told.actions |= action::set_macro_lists;
  done.agreement = {told.version, told.actions, told.steps, told.macros};
  return done;
}

}  // namespace hikyaku::milter
