// The part of the multiplexer that connects its children, and those again that have to be.
#include <utility>

#include "milter/multiplexer_core.h"
#include "milter/shared_negotiation.h"

namespace hikyaku::milter {

Offer Multiplexer::Core::offer_to(const MultiplexedChild& child) const {
  if (!agreed_) return offer_to_filters(mta_);
  return offer_to_filters(parent_.agreement(), mta_.actions,
                          child.evaluated() ? Part::looking_on : Part::acting);
}

void Multiplexer::Core::connect_all() {
  client_.reset();
  greeting_.reset();
  for (std::size_t i = 0; i < children_.size(); ++i) {
    // One that has failed just now, and was not told of yet.
    if (at(i).take_closing()) events_.emplace_back(Disconnect{i, {}});
    at(i).connect(offer_to(at(i)), now_);
    events_.emplace_back(Connect{i});
  }
  phase_ = Phase::connecting;
}

bool Multiplexer::Core::all_connected() {
  if (!std::ranges::all_of(children_, [](const auto& child) { return child->settled(); })) return false;
  if (!again_.empty()) {
    phase_ = Phase::catching_up;
    next_of_again_ = Command::connect;
    return true;
  }
  phase_ = Phase::idle;
  if (!std::holds_alternative<FilterSession::Negotiate>(said_)) return leave_late_ones(), true;
  std::vector<const Agreement*> acting, looking_on;
  std::vector<Agreement> agreements;
  agreements.reserve(children_.size());
  SharedWishes shared;
  shared.wanted = settings_.decide;
  shared.macros = settings_.macros;
  for (std::size_t i = 0; i < children_.size(); ++i) {
    auto* child = children_[i].get();
    if (const auto* agreement = child->agreement()) {
      // One that waits for others at the content would be heard too late.
      if (blocked(i)) child->tell_one_by_one(Command::data);
      auto& seen = agreements.emplace_back(*agreement);
      for (const auto command : {Command::connect, Command::helo, Command::data})
        if (child->told_ahead(command)) seen.steps |= step::no_reply(command);
      (child->evaluated() ? looking_on : acting).push_back(&seen);
    }
    if (const auto first = child->refuses_first_at()) shared.answered.insert(*first);
  }
  if (children_.empty() && settings_.alone != Fallback::accept)
    shared.answered.insert({Command::connect, Command::mail});
  shared.acting = acting;
  shared.looking_on = looking_on;
  // Fails for an MTA that is too old, and then its next event says so.
  static_cast<void>(parent_.negotiate(shared.wishes()));
  agreed_ = true;
  return true;
}

/// Those that were not there when the MTA was asked what it sends, and need more of it than that. They would
/// judge what they have not seen.
void Multiplexer::Core::leave_late_ones() {
  for (const auto& child : children_) {
    const auto* agreement = child->agreement();
    if (agreement == nullptr) continue;
    const auto* missing = std::ranges::find_if(kMayBeLeftOut, [&](Command command) {
      return agreement->sends(command) && !parent_.agreement().sends(command);
    });
    if (missing != std::end(kMayBeLeftOut))
      child->fail(MultiplexedChild::Failure::protocol,
                  "it was not there at the negotiation with the MTA, which does not tell " +
                      std::string(text(*missing)));
  }
}

/// Those that are out of step. False: there are none.
bool Multiplexer::Core::connect_again() {
  for (std::size_t i = 0; i < children_.size(); ++i) {
    if (!at(i).out_of_step()) continue;
    if (auto farewell = at(i).quit()) events_.emplace_back(Disconnect{i, *std::move(farewell)});
    at(i).connect_again(offer_to(at(i)), now_);
    events_.emplace_back(Connect{i});
    again_.push_back(i);
  }
  if (again_.empty()) return false;
  phase_ = Phase::connecting;
  return true;
}

/// What they say to it now holds for the messages that come: the session keeps it.
bool Multiplexer::Core::catch_up() {
  if (!all_answered()) return false;
  const auto each = [&](Command command, Stage stage, const auto& how) {
    for (const auto i : again_) {
      if (!at(i).takes_part()) continue;
      at(i).tell(command, stage, now_, how);
      at(i).hear(now_);
    }
  };
  switch (next_of_again_) {
    case Command::connect:
      next_of_again_ = Command::helo;
      if (client_)
        each(Command::connect, Stage::connect, [this](ClientSession& to, const MacroTable& macros) {
          to.connect(client_->name, client_->address, macros);
        });
      return true;
    case Command::helo:
      next_of_again_ = Command::mail;
      if (greeting_)
        each(Command::helo, Stage::helo,
             [this](ClientSession& to, const MacroTable& macros) { to.helo(greeting_->name, macros); });
      return true;
    default:
      again_.clear();
      phase_ = Phase::idle;
      return begin_event();
  }
}

}  // namespace hikyaku::milter
