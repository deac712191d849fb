#include "milter/session_tap.h"

#include <utility>

namespace hikyaku::milter {
namespace {

/// As it would stand in the message.
std::string header_text(const FilterHeader& header, LeadingSpace space) {
  return header.name + (space == LeadingSpace::kept ? ":" : ": ") + header.value;
}

}  // namespace

void SessionTap::heard_mta(std::string_view octets, Moment now) {
  if (over_) return;
  mta_.feed(octets);
  follow(now);
}

void SessionTap::heard_filter(std::string_view octets, Moment now) {
  if (over_ || !filter_) return;
  filter_->feed(octets);
  follow(now);
}

void SessionTap::end(std::string why) {
  over_ = true;
  open_.reset();
  trouble_ = std::move(why);
}

void SessionTap::follow(Moment now) {
  for (;;) {
    if (over_) return;
    if (filter_ && (open_ || !negotiated_)) {
      if (!hear_answer(now)) return;
      continue;
    }
    if (!take_event(mta_.next(), now)) return;
  }
}

/// False: the filter has not answered yet.
bool SessionTap::hear_answer(Moment now) {
  auto event = filter_->next();
  if (std::holds_alternative<ClientSession::NeedBytes>(event)) return false;
  if (auto* edit = std::get_if<Edit>(&event)) {
    if (open_) keep(std::move(*edit), open_->answer.edits);
    return true;
  }
  auto& verdict = std::get<ClientSession::Verdict>(event);
  if (!negotiated_) {
    if (filter_->broken()) return end(verdict.failure), false;
    const auto& agreed = filter_->agreement();
    if (!mta_.negotiate({.version = agreed.version,
                         .actions = agreed.actions,
                         .steps = agreed.steps,
                         .macros = agreed.macros}))
      return end("the negotiation can't be followed"), false;
    static_cast<void>(mta_.take_output());
    negotiated_ = true;
    return true;
  }
  if (!rest_.empty() && verdict.kind == ClientSession::Verdict::Kind::go_on) {
    tell(*filter_, open_->event, rest_);
    static_cast<void>(filter_->take_output());
    return true;
  }
  rest_ = {};
  const bool broken = filter_->broken();
  auto why = verdict.failure;
  open_->answer.verdict = std::move(verdict);
  open_->took = std::chrono::duration_cast<std::chrono::microseconds>(now - asked_);
  entries_.push_back(*std::exchange(open_, std::nullopt));
  mta_.answer(FilterSession::Answer::go_on);
  static_cast<void>(mta_.take_output());
  if (broken) end(std::move(why));
  return !broken;
}

void SessionTap::begin(SessionEvent event, Moment now) {
  open_ = Entry{};
  open_->event = std::move(event);
  asked_ = now;
  rest_ = open_->event.text;
  tell(*filter_, open_->event, rest_);
  if (open_->event.command != Command::body) rest_ = {};
  static_cast<void>(filter_->take_output());
}

/// False: more octets of the MTA are needed.
bool SessionTap::take_event(FilterSession::Event event, Moment now) {
  SessionEvent made;
  const auto named = [&](Command command, Stage stage, std::string text) {
    made.command = command;
    made.text = std::move(text);
    made.macros = mta_.macros(stage);
    begin(std::move(made), now);
    return true;
  };
  if (std::holds_alternative<FilterSession::NeedBytes>(event)) return false;
  if (auto* offered = std::get_if<FilterSession::Negotiate>(&event)) {
    offer_ = client_settings_.offer = offered->offer;
    client_settings_.macros.reset();
    filter_.emplace(client_settings_);
    static_cast<void>(filter_->take_output());
    return true;
  }
  if (auto* connect = std::get_if<FilterSession::Connect>(&event)) {
    made.address = connect->address;
    return named(Command::connect, Stage::connect, std::move(connect->name));
  }
  if (auto* helo = std::get_if<FilterSession::Helo>(&event))
    return named(Command::helo, Stage::helo, std::move(helo->name));
  if (auto* mail = std::get_if<FilterSession::Mail>(&event)) {
    made.parameters = std::move(mail->parameters);
    return named(Command::mail, Stage::mail, std::move(mail->path));
  }
  if (auto* rcpt = std::get_if<FilterSession::Rcpt>(&event)) {
    made.parameters = std::move(rcpt->parameters);
    made.rejected = rcpt->rejected;
    return named(Command::rcpt, Stage::rcpt, std::move(rcpt->path));
  }
  if (std::holds_alternative<FilterSession::Data>(event)) return named(Command::data, Stage::data, {});
  if (auto* unknown = std::get_if<FilterSession::Unknown>(&event))
    return named(Command::unknown, Stage::unknown, std::move(unknown->command));
  if (auto* header = std::get_if<FilterSession::Header>(&event))
    return named(Command::header, Stage::end_of_headers, header_text(header->header, mta_.leading_space()));
  if (std::holds_alternative<FilterSession::EndOfHeaders>(event))
    return named(Command::end_of_headers, Stage::end_of_headers, {});
  if (auto* body = std::get_if<FilterSession::Body>(&event))
    return named(Command::body, Stage::end_of_message, std::string(body->octets));
  if (std::holds_alternative<FilterSession::EndOfMessage>(event))
    return named(Command::end_of_message, Stage::end_of_message, {});
  if (std::holds_alternative<FilterSession::Abort>(event)) {
    made.command = Command::abort;
    entries_.push_back({std::move(made), {}, {}});
    filter_->abort();
    static_cast<void>(filter_->take_output());
    return true;
  }
  if (auto* close = std::get_if<FilterSession::Close>(&event)) return end(close->reason), false;
  return end("the MTA's next connection follows"), false;
}

}  // namespace hikyaku::milter
