// What the MTA's end of the talk makes of what a filter answers.
#include <algorithm>

#include "base/escape.h"
#include "milter/client_session.h"

namespace hikyaku::milter {
namespace {

constexpr std::size_t kNotes = 20;

/// Of the default action; a filter's own is SmtpReply::rejection().
SmtpReply unavailable() { return {550, "5.5.0", "Service unavailable"}; }

ClientSession::Verdict default_verdict(DefaultAction action) {
  using Kind = ClientSession::Verdict::Kind;
  switch (action) {
    case DefaultAction::accept:
      return {Kind::accept, {}, {}};
    case DefaultAction::reject:
      return {Kind::reply, unavailable(), {}};
    case DefaultAction::quarantine:
      return {Kind::quarantine, {}, {}};
    case DefaultAction::shutdown:
      return {Kind::shutdown, SmtpReply::closing(), {}};
    case DefaultAction::tempfail:
      break;
  }
  return {Kind::reply, SmtpReply::later(), {}};
}

/// Of what the administrator has to put right, as in Postfix: accept and quarantine hold, and no default
/// action turns mail away for good.
ClientSession::Verdict configuration_verdict(DefaultAction action) {
  if (action == DefaultAction::accept || action == DefaultAction::quarantine) return default_verdict(action);
  return {ClientSession::Verdict::Kind::reply, SmtpReply::misconfigured(), {}};
}

}  // namespace

Result<DefaultAction> parse_default_action(std::string_view word) {
  constexpr std::pair<std::string_view, DefaultAction> kWords[] = {{"accept", DefaultAction::accept},
                                                                   {"reject", DefaultAction::reject},
                                                                   {"tempfail", DefaultAction::tempfail},
                                                                   {"quarantine", DefaultAction::quarantine},
                                                                   {"shutdown", DefaultAction::shutdown}};
  for (const auto& [known, action] : kWords)
    if (known == word) return action;
  return fail(Fault::malformed,
              "'" + escaped(word, 100) +
                  "' is no default action of a milter: accept, reject, tempfail, quarantine or "
                  "shutdown is");
}

bool ClientSession::Ahead::has(Command command) const {
  if (command == Command::connect) return connect;
  if (command == Command::helo) return helo;
  if (command == Command::data) return data;
  return of_content(command) && content;
}

void ClientSession::Ahead::forget(Command command) {
  if (command == Command::connect) connect = false;
  if (command == Command::helo) helo = false;
  if (command == Command::data) data = false;
  if (of_content(command)) content = false;
}

bool ClientSession::owes_answers() const {
  return !unanswered_.empty() && !of_connection(unanswered_.back());
}

bool ClientSession::owes(Command command) const {
  return std::ranges::find(unanswered_, command) != unanswered_.end();
}

ClientSession::Timeout ClientSession::timeout() const {
  return of_content(asked()) ? Timeout::content : Timeout::command;
}

ClientSession::Event ClientSession::next() {
  while (waiting_) {
    const auto packet = reader_.next();
    if (!packet) return failed(packet.error().text);
    if (!*packet)
      return NeedBytes{timeout(), std::exchange(renewed_, false), std::exchange(progress_, false)};
    if (auto event = handle(**packet)) return *std::move(event);
  }
  return answered();
}

ClientSession::Event ClientSession::answered() {
  waiting_ = false;
  if (standing_) return *standing_;
  // Where the filter did not see the end it waits for an ABORT.
  if (std::exchange(end_sent_, false)) message_open_ = false;
  return Verdict{};
}

std::optional<ClientSession::Event> ClientSession::passed() {
  answered_ = asked();
  if (!unanswered_.empty()) unanswered_.pop_front();
  if (unanswered_.empty()) return told_ahead_ ? in_step(answered()) : answered();
  renewed_ = true;
  return std::nullopt;
}

/// `event`, or a failure: an answer too many was taken for one of those that came behind.
ClientSession::Event ClientSession::in_step(Event event) {
  if (answered_ != Command::end_of_message || reader_.pending() == 0) return event;
  return failed("the filter spoke out of turn after end of message");
}

std::optional<ClientSession::Event> ClientSession::handle(const Packet& packet) {
  const auto response = response_of(packet.kind);
  const auto asked_for = asked();
  if (!response)
    return failed("the octet '" + escaped(std::string_view(&packet.kind, 1)) + "' is no answer to " +
                  std::string(text(asked_for)));
  if (state_ == State::negotiating) return handle_negotiation(*response, packet.data);
  if (is_edit(*response)) {
    if (asked_for == Command::end_of_message || *response == Response::quarantine)
      return handle_edit(*response, packet.data);
    return failed("the filter asks for '" + std::string(text(*response)) + "' after " +
                  std::string(text(asked_for)) + ", not at the end of the message");
  }
  if (*response == Response::reply_code) {
    auto reply = SmtpReply::parse(packet.data);
    if (!reply) return unusable(std::move(reply).error().text);
    return refused(*std::move(reply));
  }
  if (!packet.data.empty())
    return failed("the answer '" + std::string(text(*response)) + "' to " + std::string(text(asked_for)) +
                  " came with " + std::to_string(packet.data.size()) + " octets that it does not have");
  return handle_final(*response);
}

std::optional<ClientSession::Event> ClientSession::handle_negotiation(Response response,
                                                                      std::string_view data) {
  if (response != Response::negotiate)
    return failed("the filter answered the negotiation with '" + std::string(text(response)) + "'");
  const auto answer = Answer::parse(data);
  if (!answer) return failed(answer.error().text);
  auto agreement = agree(settings_.offer, *answer);
  if (!agreement) return failed(agreement.error().text);
  for (const auto stage : answer->unknown_stages)
    note("the filter set the macros of a stage " + std::to_string(stage) + ", which there is not");
  agreement_ = *std::move(agreement);
  if (agreement_.version < kOldestVersion)
    note("the filter speaks version " + std::to_string(agreement_.version) + ", which there is not");
  agreement_.steps |= settings_.assumed_steps;
  state_ = State::talking;
  return answered();
}

std::optional<ClientSession::Event> ClientSession::handle_final(Response response) {
  switch (response) {
    case Response::progress:
      renewed_ = progress_ = true;
      return std::nullopt;
    case Response::go_on:
      return passed();
    case Response::skip:
      if (asked() == event_) skipped_ = event_;
      return passed();
    case Response::accept:
      return verdict(Verdict::Kind::accept);
    case Response::discard:
      if (of_connection(asked())) {
        note("DISCARD after " + std::string(text(asked())) +
             ", where there is no message: taken for continue");
        return passed();
      }
      return verdict(Verdict::Kind::discard);
    case Response::reject:
      return refused(SmtpReply::rejection());
    case Response::tempfail:
      return refused(SmtpReply::later());
    case Response::shutdown:
      standing_ = Verdict{Verdict::Kind::shutdown, SmtpReply::closing(), {}};
      state_ = State::connection_done;
      answered_ = asked();
      if (unanswered_.size() > 1) decided_early_ = answered_;
      unanswered_.clear();
      return answered();
    case Response::connection_failure:
      return failed("the filter gave the connection up (CONN_FAIL) after " + std::string(text(asked())));
    default:
      return failed("the filter answered " + std::string(text(asked())) + " with '" +
                    std::string(text(response)) + "'");
  }
}

ClientSession::Event ClientSession::handle_edit(Response response, std::string_view data) {
  // Two bodies, or one with other edits between its chunks, can't be told apart from one that was cut in
  // pieces by mistake.
  if (response == Response::replace_body) {
    if (new_body_ == Body::replaced)
      return unusable("the filter put other changes between the chunks of a new body");
    new_body_ = Body::being_replaced;
  } else if (new_body_ == Body::being_replaced) {
    new_body_ = Body::replaced;
  }
  renewed_ = true;  // as in Postfix, each packet has its time
  auto edit = parse_edit(response, data);
  if (!edit) return failed(std::move(edit).error().text);
  if (response != Response::replace_body) {
    edit_octets_ += octets(*edit);
    if (++edits_ > settings_.limits.edits)
      return failed("more than " + std::to_string(settings_.limits.edits) + " changes to one message");
    if (edit_octets_ > settings_.limits.edit_octets)
      return failed("the changes to one message have more than " +
                    std::to_string(settings_.limits.edit_octets) + " octets");
  }
  return *std::move(edit);
}

ClientSession::Event ClientSession::verdict(Verdict::Kind kind, SmtpReply reply) {
  Verdict given{kind, std::move(reply), {}};
  answered_ = asked();
  if (unanswered_.size() > 1) decided_early_ = answered_;
  out_of_step_ = unanswered_.size() > 1 && !of_connection(answered_);
  unanswered_.clear();
  waiting_ = false;
  if (of_connection(answered_)) {
    standing_ = given;
    state_ = State::connection_done;
  } else if (answered_ == Command::end_of_message) {
    answered();
    if (told_ahead_) return in_step(std::move(given));
  } else if (out_of_step_) {
    state_ = State::message_done;
  } else if (kind == Verdict::Kind::accept || kind == Verdict::Kind::discard) {
    state_ = State::message_done;
  }
  return given;
}

std::optional<ClientSession::Event> ClientSession::refused(SmtpReply reply) {
  if (rejected_recipient_) return passed();
  // 421 closes the connection, as any reply with this code has to.
  const auto kind = reply.code == 421 ? Verdict::Kind::shutdown : Verdict::Kind::reply;
  return verdict(kind, std::move(reply));
}

ClientSession::Event ClientSession::failed(std::string why) {
  standing_ = default_verdict(settings_.default_action);
  standing_->failure = std::move(why);
  answered_ = asked();
  unanswered_.clear();
  out_of_step_ = false;
  state_ = State::connection_done;
  out_.clear();
  body_ = {};
  return answered();
}

ClientSession::Event ClientSession::unusable(std::string why) {
  static_cast<void>(failed(std::move(why)));
  auto verdict = configuration_verdict(settings_.default_action);
  verdict.failure = standing_->failure;
  // After a message's content Postfix knows no more of the filter than that it is gone.
  if (!of_content(answered_)) standing_ = verdict;
  return verdict;
}

void ClientSession::timed_out() {
  if (!waiting_) return;
  const auto* setting = timeout() == Timeout::content ? "milter_content_timeout" : "milter_command_timeout";
  static_cast<void>(failed("no answer to " + std::string(text(asked())) + " within " + setting));
}

void ClientSession::connection_lost(std::string_view what) {
  if (state_ == State::quit || broken()) return;
  static_cast<void>(failed(escaped(what, 300) + " (at " + std::string(text(asked())) + ")"));
}

void ClientSession::give_up() {
  if (state_ == State::quit || broken()) return;
  static_cast<void>(failed(std::string(text(asked())) + " was not answered before the end of the hub"));
  standing_->kind = Verdict::Kind::shutdown;
  standing_->reply = SmtpReply::ending();
}

void ClientSession::misconfigured(std::string_view what) { static_cast<void>(unusable(escaped(what, 300))); }

void ClientSession::note(std::string text) {
  if (notes_.size() < kNotes) notes_.push_back(std::move(text));
}

}  // namespace hikyaku::milter
