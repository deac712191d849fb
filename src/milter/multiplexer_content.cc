// The part of the multiplexer from the first header to the end of the message: who sees what, and what of it
// goes up to the MTA.
#include <algorithm>
#include <utility>

#include "milter/multiplexer_core.h"

namespace hikyaku::milter {
namespace {

constexpr std::size_t kMuch = 100'000;

bool refused(const ClientSession::Verdict& verdict) { return refuses(strength(verdict)); }

}  // namespace

// ---- who waits for whom ----

bool Multiplexer::Core::blocks(const MultiplexedChild& earlier, std::size_t later) const {
  if (earlier.evaluated() || !earlier.takes_part()) return false;
  const auto& child = *children_[later];
  const bool adds_count = settings_.children[later].added_headers == AddedHeaders::matter;
  const auto of_headers = action::change_headers | (adds_count ? action::add_headers : 0U);
  if (earlier.may(of_headers) && child.wants(Command::header)) return true;
  // Two new bodies at once would be kept in pieces.
  return earlier.may(action::change_body) && (child.wants(Command::body) || child.may(action::change_body));
}

bool Multiplexer::Core::blocked(std::size_t child) const {
  for (std::size_t i = 0; i < child; ++i)
    if (blocks(*children_[i], child)) return true;
  return false;
}

void Multiplexer::Core::plan() {
  if (planned_) return;
  planned_ = true;
  // The first field stands for the MTA's own Received, which no filter is told but which counts.
  headers_ = HeaderList("Received: (the MTA's)\r\n", HeaderList::First::own_received);
  for (std::size_t i = 0; i < children_.size(); ++i) {
    auto& child = at(i);
    if (!child.takes_part() || !blocked(i)) continue;
    child.replay.emplace();
    keeps_headers_ = keeps_headers_ || child.wants(Command::header);
    keeps_body_ = keeps_body_ || child.wants(Command::body);
  }
}

void Multiplexer::Core::keep_header(const std::string& text) {
  if (!keeps_headers_) return;
  header_octets_ += text.size() + sizeof(std::string);
  if (header_octets_ <= settings_.limits.headers) return headers_.append(text);
  end("the headers of a message have more than " + std::to_string(settings_.limits.headers) + " octets",
      MultiplexerReport::End::lost);
}

void Multiplexer::Core::keep_body(std::string_view octets) {
  if (!keeps_body_ || !trouble_.empty()) return;
  if (bodies_.size() + octets.size() > settings_.limits.body) {
    trouble_ = "a body of more than " + std::to_string(settings_.limits.body) +
               " octets, which filters that come later would have to see";
  } else if (auto kept = bodies_.append(octets); !kept) {
    trouble_ = kept.error().text;
  }
}

// ---- answers ----

Multiplexer::Core::Outcome Multiplexer::Core::outcome() const {
  Outcome outcome;
  // What was said to DATA, which may have been told ahead, comes before all content.
  for (std::size_t i = 0; i < children_.size(); ++i) {
    const auto& child = *children_[i];
    if (child.evaluated() || child.ruled_out()) continue;
    outcome.known = outcome.known && !child.owes(Command::data);
    const auto& final = child.final_verdict();
    if (final && refused(*final) && child.decided_at() == Command::data)
      outcome.refusal.add(strength(*final), *final, i);
  }
  if (!outcome.known || outcome.refusal.child()) return outcome;
  for (std::size_t i = 0; i < children_.size(); ++i) {
    const auto& child = *children_[i];
    if (child.evaluated()) {
      outcome.looked_on = outcome.looked_on && !child.takes_part();
      continue;
    }
    if (child.ruled_out()) continue;
    const auto& final = child.final_verdict();
    if (!final && !child.failed()) {
      outcome.known = false;
      return outcome;
    }
    const auto& verdict = final ? *final : child.last();
    if (!refused(verdict)) continue;
    if (!final && child.fallback_may_lapse(command_)) {
      outcome.known = false;
      return outcome;
    }
    outcome.refusal.add(strength(verdict), verdict, i);
    return outcome;
  }
  return outcome;
}

void Multiplexer::Core::answer_content() {
  if (!trouble_.empty()) return give_up(std::exchange(trouble_, {}));
  const auto reached = outcome();
  const auto& refusal = reached.refusal;
  if (reached.known && (refusal.child() || reached.looked_on))
    return conclude(refusal.strength(), refusal.verdict(), refusal.child());
  const bool needed =
      command_ == Command::end_of_headers || settings_.decide.contains(command_) ||
      std::ranges::any_of(children_, [this](const auto& child) { return child->wants(command_); });
  answer(needed ? Strength::go_on : Strength::skip, {});
}

bool Multiplexer::Core::step_end() {
  for (const auto& child : children_)
    if (!child->store_error().empty()) trouble_ = child->store_error();
  if (!trouble_.empty()) return give_up(std::exchange(trouble_, {})), true;
  bool moved = false;
  for (std::size_t i = 0; i < children_.size(); ++i)
    if (at(i).replay && at(i).takes_part() && !blocked(i)) moved = tell_kept(i) || moved;
  if (moved) return true;
  const auto reached = outcome();
  const auto& refusal = reached.refusal;
  if (reached.known && refusal.child())
    return conclude(refusal.strength(), refusal.verdict(), refusal.child()), true;
  if (!reached.known || !reached.looked_on) return tell_progress(), false;
  hand_up_ = {};
  hand_up_.body = body_before(children_.size());
  phase_ = Phase::handing_up;
  return true;
}

void Multiplexer::Core::tell_progress() {
  bool due = now_ >= progress_due_;
  for (const auto& child : children_) due = child->take_progress() || due;
  if (!due) return;
  progress_due_ = now_ + settings_.progress;
  // One is enough, as long as it is not sent.
  if (!parent_.has_output()) parent_.progress();
}

// ---- those that waited ----

bool Multiplexer::Core::passed(std::size_t child) const {
  const auto& one = *children_[child];
  return !one.evaluated() && !one.ruled_out() && one.final_verdict() && !refused(*one.final_verdict());
}

std::optional<BodyStore::Extent> Multiplexer::Core::body_before(std::size_t child) const {
  while (child-- > 0)
    if (passed(child) && children_[child]->new_body()) return children_[child]->new_body();
  return std::nullopt;
}

void Multiplexer::Core::begin_replay(std::size_t number, Replay& replay) {
  replay.begun = true;
  replay.body = body_before(number).value_or(BodyStore::Extent{0, first_body_});
  if (!at(number).wants(Command::header)) return;
  replay.headers = headers_;
  const bool ignores = settings_.children[number].added_headers == AddedHeaders::ignored;
  for (std::size_t i = 0; i < number; ++i) {
    if (!passed(i) || (ignores && !at(i).may(action::change_headers))) continue;
    for (const auto& edit : at(i).edits()) replay.headers.apply(edit, at(i).leading_space());
  }
}

/// Each change looks for its place among all headers.
bool Multiplexer::Core::many_changes() const {
  if (!keeps_headers_) return false;
  std::size_t changes = 0;
  for (const auto& child : children_) changes += child->edits().size();
  return changes * (headers_.fields().size() + changes) > kMuch;
}

bool Multiplexer::Core::tell_kept(std::size_t number) {
  auto& child = at(number);
  if (!child.replay->begun) begin_replay(number, *child.replay);
  bool moved = false;
  while (trouble_.empty() && child.replay && child.takes_part() && !child.busy() &&
         child.output_size() <= kUnsent) {
    tell_next_part(child, *child.replay);
    child.hear(now_);
    moved = true;
  }
  return moved;
}

void Multiplexer::Core::tell_next_part(MultiplexedChild& child, Replay& replay) {
  using Next = Replay::Next;
  using Session = ClientSession;
  switch (replay.next) {
    case Next::headers: {
      const auto& fields = replay.headers.fields();
      while (replay.header < fields.size() && !replay.headers.visible(replay.header)) ++replay.header;
      if (replay.header >= fields.size() || !child.wants(Command::header)) {
        replay.headers = {};
        replay.next = Next::end_of_headers;
        return;
      }
      const auto& field = fields[replay.header++];
      return child.tell(Command::header, Stage::end_of_headers, now_,
                        [&](Session& to, const MacroTable& macros) { to.header(field, macros); });
    }
    case Next::end_of_headers:
      replay.next = Next::body;
      return child.tell(Command::end_of_headers, Stage::end_of_headers, now_,
                        [](Session& to, const MacroTable& macros) { to.end_of_headers(macros); });
    case Next::body: {
      if (!child.wants(Command::body) || replay.told == replay.body.size) {
        replay.next = Next::end_of_message;
        return;
      }
      const auto size =
          static_cast<std::size_t>(std::min<std::uint64_t>(kDataSize, replay.body.size - replay.told));
      auto part = bodies_.read(replay.body.offset + replay.told, size);
      if (!part) {
        trouble_ = part.error().text;
        replay.told = replay.body.size;
        return;
      }
      replay.told += size;
      replay.chunk = *std::move(part);
      return child.tell_body(
          replay.chunk, replay.told == replay.body.size ? Session::Behind::nothing : Session::Behind::unknown,
          now_);
    }
    case Next::end_of_message:
      child.replay.reset();
      return child.tell(Command::end_of_message, Stage::end_of_message, now_,
                        [](Session& to, const MacroTable& macros) { to.end_of_message(macros); });
  }
}

// ---- up to the MTA ----

bool Multiplexer::Core::step_hand_up() {
  if (!parent_.has_output()) hand_up_.unsent = 0;
  while (hand_up_.unsent <= kUnsent)
    if (!hand_up_next()) {
      if (!trouble_.empty()) return give_up(std::exchange(trouble_, {})), true;
      conclude(Strength::go_on, {}, std::nullopt);
      return true;
    }
  return false;
}

bool Multiplexer::Core::hand_up_next() {
  for (; hand_up_.child < children_.size(); ++hand_up_.child, hand_up_.edit = 0) {
    auto& child = at(hand_up_.child);
    if (!passed(hand_up_.child) || hand_up_.edit == child.edits().size()) continue;
    if (hand_up(child, child.edits()[hand_up_.edit]))
      ++hand_up_.edit;
    else
      child.drop_edit(hand_up_.edit);
    return true;
  }
  if (!hand_up_.body || (hand_up_.body_begun && hand_up_.body_told == hand_up_.body->size)) return false;
  hand_up_.body_begun = true;
  const auto size =
      static_cast<std::size_t>(std::min<std::uint64_t>(kDataSize, hand_up_.body->size - hand_up_.body_told));
  auto part = bodies_.read(hand_up_.body->offset + hand_up_.body_told, size);
  if (!part) {
    trouble_ = part.error().text;
    return false;
  }
  hand_up_.body_told += size;
  hand_up_.unsent += size;
  if (parent_.edit(ReplaceBody{*std::move(part)})) return true;
  trouble_ = "the MTA takes no new body";
  return false;
}

/// False: it did not reach the MTA.
bool Multiplexer::Core::hand_up(MultiplexedChild& child, const Edit& edit) {
  hand_up_.unsent += octets(edit);
  auto told = edit;
  if (parent_.leading_space() == LeadingSpace::kept && child.leading_space() == LeadingSpace::taken_off)
    std::visit(
        [](auto& one) {
          // An empty value of a change removes the header.
          constexpr bool removes = std::is_same_v<std::decay_t<decltype(one)>, ChangeHeader>;
          if constexpr (requires { one.value; })
            if (!removes || !one.value.empty()) one.value.insert(0, 1, ' ');
        },
        told);
  if (parent_.edit(told)) return true;
  child.note("'" + std::string(text(kind(edit))) +
             "' did not reach the MTA: too large for a packet, or an action that it does not offer");
  return false;
}

}  // namespace hikyaku::milter
