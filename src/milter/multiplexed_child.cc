#include "milter/multiplexed_child.h"

#include <algorithm>

#include "base/escape.h"

namespace hikyaku::milter {
namespace {

// In the order of time.
constexpr Stage kStageOrder[] = {Stage::connect,        Stage::helo,   Stage::mail,
                                 Stage::rcpt,           Stage::data,   Stage::end_of_headers,
                                 Stage::end_of_message, Stage::unknown};
constexpr Command kCommandOrder[] = {Command::connect,        Command::helo, Command::mail,
                                     Command::rcpt,           Command::data, Command::header,
                                     Command::end_of_headers, Command::body, Command::end_of_message};

constexpr std::size_t kAnswers = 100, kNotes = 20;
// For an answer to a message that is over: the next one waits for it.
constexpr std::chrono::seconds kOverdue{1};
constexpr std::size_t kHeld = 65536;    // octets from which on they are sent though nothing is waited for
constexpr std::size_t kUnread = 65536;  // octets that may come before they are waited for

ClientSession::Settings session_settings(const Multiplexer::Limits& limits) {
  ClientSession::Settings settings;
  settings.macros.reset();
  settings.limits = {limits.edits, limits.edit_octets, limits.packet};
  return settings;
}

std::string seconds(Multiplexer::Duration time) {
  const auto text = std::to_string(time.count() / 1000);
  return time.count() % 1000 == 0 ? text + " s" : std::to_string(time.count()) + " ms";
}

}  // namespace

ClientSession::Verdict fallback_verdict(Multiplexer::Fallback fallback) {
  using Kind = ClientSession::Verdict::Kind;
  switch (fallback) {
    case Multiplexer::Fallback::accept:
      return {Kind::accept, {}, {}};
    case Multiplexer::Fallback::reject:
      return {Kind::reply, SmtpReply::rejection(), {}};
    case Multiplexer::Fallback::discard:
      return {Kind::discard, {}, {}};
    case Multiplexer::Fallback::tempfail:
      break;
  }
  return {Kind::reply, SmtpReply::later(), {}};
}

MultiplexedChild::MultiplexedChild(const Multiplexer::Child& settings, const Multiplexer::Limits& limits,
                                   const FilterSession& parent, BodyStore& bodies)
    : settings_(settings),
      limits_(limits),
      parent_(parent),
      bodies_(bodies),
      session_settings_(session_settings(limits)),
      ahead_(settings.tell_ahead ? ClientSession::Ahead{true, true, true, true} : ClientSession::Ahead{}) {}

// ---- the connection ----

void MultiplexedChild::connect(const Offer& offer, Moment now) {
  extra_connection_.clear();
  connection_ = {};
  connection_.evaluated = evaluated();
  ruled_out_connection_ = false;
  begin_connecting(offer, now);
}

void MultiplexedChild::connect_again(const Offer& offer, Moment now) { begin_connecting(offer, now); }

void MultiplexedChild::begin_connecting(const Offer& offer, Moment now) {
  session_settings_.offer = offer;
  session_.reset();
  link_ = Link::connecting;
  command_ = Command::negotiate;
  asked_ = now;
  due_ = now + settings_.timeouts.connection;
  out_.clear();
  rest_ = {};
  standing_.reset();
  final_.reset();
  last_ = {};
  extra_message_.clear();
  session_notes_ = 0;
  macros_told_ = 0;
  waiting_ = closing_ = abort_due_ = urgent_ = abandoned_ = false;
}

void MultiplexedChild::connected(Moment now) {
  if (link_ != Link::connecting) return;
  link_ = Link::negotiating;
  session_.emplace(session_settings_);
  session_->tell_ahead(ahead_);
  begin(Command::negotiate, now);
  collect(now);
}

void MultiplexedChild::fail(Failure kind, std::string_view what) {
  if (link_ == Link::gone || abandoned_) return;
  const bool through = in_message_ && final_;  // what it said of this message holds
  const bool cut_off = kind == Failure::disconnected && in_message_ && !through;
  standing_ = fallback_verdict(cut_off ? settings_.fallback_at_disconnect : settings_.fallback);
  standing_->failure = what;
  closing_ = kind != Failure::connection;
  link_ = Link::gone;
  out_.clear();
  rest_ = {};
  waiting_ = abort_due_ = false;
  if (ruled_out()) return;
  auto& report = through ? connection_ : current();
  report.state = ChildReport::State::failed;
  report.why = what;
  if (through) return;
  if (in_message_) drop_edits();
}

void MultiplexedChild::drop_edits() {
  if (!message_.edits.empty() || new_body_)
    note(std::to_string(message_.edits.size()) + " changes" + (new_body_ ? " and a new body" : "") +
         " that it had asked for were dropped");
  message_.edits.clear();
  message_.new_body.reset();
  new_body_.reset();
}

void MultiplexedChild::tell_one_by_one(Command command) {
  ahead_.forget(command);
  if (session_) session_->tell_ahead(ahead_);
}

std::optional<std::string> MultiplexedChild::quit() {
  if (link_ == Link::gone) return std::nullopt;
  if (link_ == Link::ready && !waiting_ && !abandoned_) {
    session_->quit();
    out_ += session_->take_output().head;
  }
  link_ = Link::gone;
  waiting_ = abort_due_ = false;
  rest_ = {};
  return std::exchange(out_, {});
}

void MultiplexedChild::feed(std::string_view octets) {
  if (link_ != Link::negotiating && link_ != Link::ready) return;
  if (abandoned_ || session_->unheard()) return;
  if (!waiting_ && (!session_->may_speak() || session_->unread() > kUnread))
    return fail(Failure::protocol, "the filter spoke out of turn after " + std::string(text(command_)) +
                                       ": " + escaped(octets, 40));
  session_->feed(octets);
}

std::string MultiplexedChild::take_output() {
  if (held()) return {};
  urgent_ = false;
  return std::exchange(out_, {});
}

bool MultiplexedChild::held() const {
  return link_ == Link::ready && !waiting_ && rest_.empty() && !urgent_ && out_.size() < kHeld;
}

// ---- time ----

Multiplexer::Duration MultiplexedChild::patience() const {
  return command_ == Command::end_of_message ? settings_.timeouts.end_of_message : settings_.timeouts.reading;
}

std::optional<MultiplexedChild::Moment> MultiplexedChild::deadline() const {
  std::optional<Moment> earliest;
  if (link_ == Link::connecting || waiting_) earliest = due_;
  if (output_size() > 0) {
    const auto sent_by = unsent_since_ + settings_.timeouts.writing;
    earliest = earliest ? std::min(*earliest, sent_by) : sent_by;
  }
  return earliest;
}

void MultiplexedChild::expire(Moment now) {
  if (link_ == Link::gone) return;
  if (output_size() > 0 && now >= unsent_since_ + settings_.timeouts.writing)
    return fail(Failure::timeout, "it took no octets for " + seconds(settings_.timeouts.writing));
  if ((link_ != Link::connecting && !waiting_) || now < due_) return;
  if (abort_due_) return abandon();
  if (link_ == Link::connecting)
    return fail(Failure::timeout, "no connection within " + seconds(settings_.timeouts.connection));
  fail(Failure::timeout, "no answer to " + std::string(text(command_)) + " within " + seconds(patience()));
}

// That it is slow harms nobody but its own connection.
void MultiplexedChild::abandon() {
  abandoned_ = true;
  waiting_ = abort_due_ = urgent_ = false;
  rest_ = {};
  out_.clear();
  note("it was still at a message that was over: it is connected to again");
}

// ---- its part ----

void MultiplexedChild::begin_message() {
  in_message_ = true;
  ruled_out_message_ = false;
  final_.reset();
  last_ = {};
  extra_message_.clear();
  new_body_.reset();
  replacement_ = {};
  store_error_.clear();
  replay.reset();
  macros_told_ &= (1U << static_cast<unsigned>(Stage::connect)) | (1U << static_cast<unsigned>(Stage::helo));
  message_ = {};
  message_.evaluated = evaluated();
  if (ruled_out_connection_) {
    message_.state = ChildReport::State::ruled_out;
    message_.why = connection_.why;
  } else if (standing_) {
    message_.state = standing_->kind == ClientSession::Verdict::Kind::accept ? ChildReport::State::absent
                                                                             : ChildReport::State::failed;
    message_.why = standing_->failure;
  }
}

void MultiplexedChild::end_message(Moment now) {
  if (!in_message_) return;
  in_message_ = false;
  replay.reset();
  rest_ = {};
  extra_message_.clear();
  if (link_ == Link::ready) give_message_up(now);
}

void MultiplexedChild::give_message_up(Moment now) {
  if (!waiting_ && session_->owes_answers()) {
    session_->await_answers();
    begin(command_, now);
  }
  if (waiting_) {
    // The answer would be taken for that to the next command.
    abort_due_ = true;
    due_ = std::min(due_, now + kOverdue);
    return hear(now);
  }
  session_->abort();
  collect(now);
  urgent_ = !out_.empty();
}

void MultiplexedChild::rule_out(Scope scope, std::string why) {
  if (failed()) {  // which stays in the report
    (scope == Scope::connection ? ruled_out_connection_ : ruled_out_message_) = true;
    return;
  }
  auto& report = current();
  report.state = ChildReport::State::ruled_out;
  report.why = std::move(why);
  if (scope == Scope::connection) {
    ruled_out_connection_ = closing_ = true;
    if (held()) out_.clear();  // it is not spoken to
    return;
  }
  ruled_out_message_ = true;
  replay.reset();
  if (link_ == Link::ready) give_message_up(asked_);
}

void MultiplexedChild::set_macro(Scope scope, Stage stage, std::string_view name, std::string_view value) {
  auto& extras = scope == Scope::connection ? extra_connection_ : extra_message_;
  const auto key = canonical_macro(name);
  std::erase_if(extras, [&key](const Extra& extra) { return extra.name == key; });
  extras.push_back({key, std::string(value), stage});
}

MacroTable MultiplexedChild::known_macros() const {
  MacroTable known;
  for (const auto stage : kStageOrder) {
    for (const auto& [name, value] : parent_.macros(stage).all()) known.set(name, value);
    for (const auto* extras : {&extra_connection_, &extra_message_})
      for (const auto& one : *extras)
        if (one.stage == stage) known.set(one.name, one.value);
  }
  return known;
}

bool MultiplexedChild::fallback_may_lapse(Command command) const {
  if (!failed() || ruled_out()) return false;
  // An unknown command comes at any time.
  const auto now = std::ranges::find(kCommandOrder, command);
  const auto later = now == std::end(kCommandOrder) ? std::begin(kCommandOrder) : now + 1;
  return std::any_of(later, std::end(kCommandOrder),
                     [this](Command one) { return settings_.may_be_ruled_out.contains(one); });
}

const MacroTable& MultiplexedChild::macros(Stage stage, MacroTable& made) const {
  const auto& told = parent_.macros(stage);
  // What the MTA tells at another stage than that of the condition counts more there.
  const auto counts = [&](const Extra& extra) { return extra.stage == stage || !told.value(extra.name); };
  const auto extra = [&](std::string_view name) -> std::optional<std::string_view> {
    const auto key = canonical_macro(name);
    for (const auto* extras : {&extra_message_, &extra_connection_})
      for (const auto& one : *extras)
        if (one.name == key && counts(one)) return one.value;
    return std::nullopt;
  };
  // Its own list may name what the MTA tells at another stage.
  if (const auto* list = macro_override(session_->agreement().macros, stage)) {
    for (const auto& name : *list) {
      const auto set = extra(name);
      if (const auto value = set ? set : parent_.macro(name)) made.set(name, *value);
    }
    return made;
  }
  if (extra_connection_.empty() && extra_message_.empty()) return told;
  made = told;
  for (const auto* extras : {&extra_connection_, &extra_message_})
    for (const auto& one : *extras)
      if (counts(one)) made.set(one.name, one.value);
  return made;
}

void MultiplexedChild::begin(Command command, Moment now) {
  if (held()) unsent_since_ = now;
  command_ = command;
  asked_ = now;
  due_ = now + patience();
  waiting_ = true;
  asked_aloud_ = progressed_ = false;
}

void MultiplexedChild::collect(Moment now) {
  const bool empty = out_.empty();
  const auto output = session_->take_output();
  out_ += output.head;
  out_ += output.body;
  if (empty) unsent_since_ = now;
}

void MultiplexedChild::tell_body(std::string_view octets, ClientSession::Behind behind, Moment now) {
  tell(Command::body, Stage::end_of_message, now, [&](ClientSession& session, const MacroTable& macros) {
    octets.remove_prefix(session.body(octets, macros, behind));
  });
  rest_ = octets;
  behind_rest_ = behind;
}

void MultiplexedChild::tell_missed_macros(Command before, Moment now) {
  constexpr std::pair<Command, Stage> kOrder[] = {{Command::connect, Stage::connect},
                                                  {Command::helo, Stage::helo},
                                                  {Command::mail, Stage::mail},
                                                  {Command::rcpt, Stage::rcpt},
                                                  {Command::data, Stage::data}};
  if (before == Command::unknown) return;
  for (const auto& [command, stage] : kOrder) {
    if (command == before) return;
    const unsigned bit = 1U << static_cast<unsigned>(stage);
    if ((macros_told_ & bit) != 0 || parent_.agreement().sends(command) || parent_.macros(stage).empty() ||
        session_->agreement().sends(command))
      continue;
    macros_told_ |= bit;
    tell(command, stage, now, [command](ClientSession& session, const MacroTable& macros) {
      switch (command) {
        case Command::connect:
          return session.connect({}, {}, macros);
        case Command::helo:
          return session.helo({}, macros);
        case Command::mail:
          return session.mail({}, {}, macros);
        case Command::rcpt:
          return session.rcpt({}, {}, ClientSession::Recipient::accepted, macros);
        default:
          return session.data(macros);
      }
    });
    hear(now);
  }
}

void MultiplexedChild::hear(Moment now) {
  while (waiting_) {
    auto event = session_->next();
    if (const auto* need = std::get_if<ClientSession::NeedBytes>(&event)) {
      if (need->renewed && asked_aloud_ && !abort_due_) due_ = now + patience();
      progressed_ = progressed_ || (need->progress && asked_aloud_ && !abort_due_);
      asked_aloud_ = true;
      return;
    }
    if (auto* edit = std::get_if<Edit>(&event)) {
      if (!abort_due_) keep(std::move(*edit));
    } else {
      answered(std::get<ClientSession::Verdict>(std::move(event)), now);
    }
  }
}

void MultiplexedChild::keep(Edit edit) {
  // Who may run beside whom rests on what was agreed on; and the MTA was not asked for more.
  if (!may(required_action(edit)))
    return fail(Failure::protocol,
                "the filter asks for '" + std::string(text(kind(edit))) + "', which it did not agree on");
  if (const auto* chunk = std::get_if<ReplaceBody>(&edit)) return keep_body(chunk->octets);
  if (!in_message_) return note("a quarantine where there is no message");
  message_.edits.push_back(std::move(edit));
}

void MultiplexedChild::keep_body(std::string_view octets) {
  auto& counted = message_.new_body;
  counted = counted.value_or(0) + octets.size();
  if (*counted > limits_.body)
    return fail(Failure::protocol, "a new body of more than " + std::to_string(limits_.body) + " octets");
  if (evaluated()) return;
  if (!new_body_) new_body_ = BodyStore::Extent{bodies_.size(), 0};
  std::string lines;
  replacement_.append(octets, lines);
  if (auto kept = bodies_.append(lines); !kept) store_error_ = kept.error().text;
  new_body_->size += lines.size();
}

void MultiplexedChild::answered(ClientSession::Verdict verdict, Moment now) {
  using Kind = ClientSession::Verdict::Kind;
  waiting_ = false;
  if (!verdict.failure.empty()) return fail(Failure::protocol, verdict.failure);
  if (const auto early = session_->decided_early()) {
    if (ahead_.has(*early))
      note("it decided at " + std::string(text(*early)) +
           " while it was told more: from now on it is told this by itself");
    current().early = early;
    tell_one_by_one(*early);
  }
  if (asked_aloud_) {
    const auto took = std::chrono::duration_cast<std::chrono::microseconds>(now - asked_);
    auto& waits = current().waits;
    auto wait = std::ranges::find(waits, command_, &ChildReport::Wait::command);
    if (wait == waits.end()) wait = waits.insert(waits.end(), ChildReport::Wait{command_});
    ++wait->answers;
    wait->total += took;
    wait->longest = std::max(wait->longest, took);
  }
  if (link_ == Link::negotiating) {
    link_ = Link::ready;
    return;
  }
  if (std::exchange(abort_due_, false)) {
    session_->abort();
    collect(now);
    urgent_ = !out_.empty();
    return;
  }
  last_ = std::move(verdict);
  if (asked_aloud_ && last_.kind != Kind::go_on && current().answers.size() < kAnswers)
    current().answers.push_back(
        {session_->answered_event(), last_, command_ == Command::rcpt ? recipient_ : std::string()});
  if (in_message_ && command_ != Command::unknown) {
    const bool ends = command_ == Command::end_of_message || last_.kind == Kind::accept ||
                      last_.kind == Kind::discard || last_.kind == Kind::shutdown ||
                      (last_.kind == Kind::reply && command_ != Command::rcpt);
    if (ends) final_ = last_;
  }
  if (command_ == Command::end_of_message && new_body_) {
    std::string lines;
    replacement_.finish(lines);
    if (auto kept = bodies_.append(lines); !kept) store_error_ = kept.error().text;
    new_body_->size += lines.size();
  }
  if (rest_.empty()) return;
  if (wants(Command::body)) {
    tell_body(std::exchange(rest_, {}), behind_rest_, now);
  } else {
    rest_ = {};
  }
}

Strength MultiplexedChild::voice() const {
  if (ruled_out()) return Strength::none;
  if (evaluated()) return takes_part() && session_->active() ? Strength::go_on : Strength::none;
  if (standing_) return in_message_ && final_ ? Strength::none : strength(*standing_);
  const auto said = strength(last_);
  return said == Strength::go_on && !session_->active() ? Strength::none : said;
}

std::optional<Command> MultiplexedChild::refuses_first_at() const {
  if (!failed() || !refuses(voice())) return std::nullopt;
  return *std::ranges::find_if(kCommandOrder, [this](Command one) { return !fallback_may_lapse(one); });
}

void MultiplexedChild::note(std::string text) {
  auto& notes = current().notes;
  if (notes.size() < kNotes) notes.push_back(std::move(text));
}

ChildReport MultiplexedChild::report(Scope scope) {
  auto& report = scope == Scope::message ? message_ : connection_;
  if (session_)
    for (const auto& all = session_->notes(); session_notes_ < all.size(); ++session_notes_)
      if (report.notes.size() < kNotes) report.notes.push_back(all[session_notes_]);
  if (scope == Scope::message && report.state == ChildReport::State::took_part && !final_)
    report.state = ChildReport::State::not_needed;
  auto done = std::move(report);
  report = {};
  return done;
}

}  // namespace hikyaku::milter
