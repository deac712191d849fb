#include "milter/multiplexer_core.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/escape.h"

namespace hikyaku::milter {
namespace {

using Scope = MultiplexedChild::Scope;

template <class... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};

Command command_of(const FilterSession::Event& event) {
  return std::visit(Overloaded{
                        [](const FilterSession::Connect&) { return Command::connect; },
                        [](const FilterSession::Helo&) { return Command::helo; },
                        [](const FilterSession::Mail&) { return Command::mail; },
                        [](const FilterSession::Rcpt&) { return Command::rcpt; },
                        [](const FilterSession::Data&) { return Command::data; },
                        [](const FilterSession::Unknown&) { return Command::unknown; },
                        [](const FilterSession::Header&) { return Command::header; },
                        [](const FilterSession::EndOfHeaders&) { return Command::end_of_headers; },
                        [](const FilterSession::Body&) { return Command::body; },
                        [](const auto&) { return Command::end_of_message; },
                    },
                    event);
}

/// The field as it stands in the message. Where the MTA took the blank off it is put back.
std::string header_text(const FilterHeader& header, LeadingSpace space) {
  std::string text = header.name + ':';
  if (space == LeadingSpace::taken_off) text += ' ';
  for (const char c : header.value) {
    if (c == '\n' && !text.ends_with('\r')) text += '\r';
    text += c;
  }
  return text;
}

}  // namespace

Multiplexer::Core::Core(const Settings& settings, MessageSpool& spool)
    : settings_(settings),
      parent_settings_{.packet = settings.limits.packet},
      parent_(parent_settings_),
      bodies_(spool, settings.limits.in_memory),
      told_(settings.children.size()) {
  for (const auto& child : settings.children)
    children_.push_back(std::make_unique<MultiplexedChild>(child, settings.limits, parent_, bodies_));
}

Multiplexer::Event Multiplexer::Core::next(Moment now) {
  now_ = now;
  if (lost_ && phase_ != Phase::closed) end(*std::exchange(lost_, {}), MultiplexerReport::End::lost);
  for (const auto& child : children_) {
    child->expire(now);
    child->hear(now);
  }
  for (;;) {
    for (std::size_t i = 0; i < children_.size(); ++i)
      if (at(i).take_closing()) events_.emplace_back(Disconnect{i, at(i).quit().value_or("")});
    if (!events_.empty()) {
      auto event = std::move(events_.front());
      events_.pop_front();
      return event;
    }
    if (phase_ == Phase::closed) return End{reason_};
    if (!step()) return need_octets();
  }
}

bool Multiplexer::Core::step() {
  switch (phase_) {
    case Phase::idle:
      return take_event();
    case Phase::connecting:
      return all_connected();
    case Phase::catching_up:
      return catch_up();
    case Phase::telling:
      if (!all_answered()) return false;
      phase_ = Phase::idle;
      if (of_content(command_)) {
        answer_content();
      } else {
        answer_envelope();
      }
      return true;
    case Phase::ending:
      return step_end();
    case Phase::handing_up:
      return step_hand_up();
    case Phase::deciding:
    case Phase::closed:
      break;
  }
  return false;
}

Multiplexer::NeedOctets Multiplexer::Core::need_octets() const {
  NeedOctets need;
  const bool busy = std::ranges::any_of(children_, [](const auto& child) { return child->busy(); });
  const bool full = parent_.output_size() > kUnsent;
  need.parent = phase_ == Phase::idle && !busy && !full;
  need.room = full || phase_ == Phase::handing_up || std::ranges::any_of(children_, [](const auto& child) {
                return child->output_size() > kUnsent;
              });
  for (const auto& child : children_)
    if (const auto due = child->deadline(); due && (!need.wake_at || *due < *need.wake_at))
      need.wake_at = due;
  if (phase_ == Phase::ending && (!need.wake_at || progress_due_ < *need.wake_at))
    need.wake_at = progress_due_;
  return need;
}

// ---- the MTA ----

void Multiplexer::Core::parent_lost(std::string_view what) { lost_ = escaped(what, 300); }

bool Multiplexer::Core::take_event() {
  // One that is still at a message that is over is not to take the next command's answer for it.
  if (std::ranges::any_of(children_, [](const auto& child) { return child->busy(); })) return false;
  if (parent_.output_size() > kUnsent) return false;
  if (!from_parent_.empty()) {
    parent_.feed(from_parent_);
    from_parent_.clear();
  }
  said_ = parent_.next();
  return std::visit(Overloaded{
                        [](const FilterSession::NeedBytes&) { return false; },
                        [this](const FilterSession::Negotiate& negotiate) {
                          mta_ = negotiate.offer;
                          connect_all();
                          return true;
                        },
                        [this](const FilterSession::Abort&) {
                          settled_.reset();
                          if (in_message_)
                            settle(MultiplexerReport::End::aborted, Strength::none, {}, std::nullopt);
                          return true;
                        },
                        [this](const FilterSession::NewConnection&) {
                          settled_.reset();
                          if (in_message_)
                            settle(MultiplexerReport::End::aborted, Strength::none, {}, std::nullopt);
                          report_connection();
                          for (std::size_t i = 0; i < children_.size(); ++i)
                            if (auto farewell = at(i).quit())
                              events_.emplace_back(Disconnect{i, *std::move(farewell)});
                          connect_all();
                          return true;
                        },
                        [this](const FilterSession::Close& close) {
                          end(close.reason, MultiplexerReport::End::lost);
                          return true;
                        },
                        [this](const auto&) { return begin_event(); },
                    },
                    said_);
}

bool Multiplexer::Core::begin_event() {
  command_ = command_of(said_);
  if (!in_message_ && command_ != Command::unknown && connect_again()) return true;
  if (const auto* client = std::get_if<FilterSession::Connect>(&said_)) client_ = *client;
  if (const auto* greeting = std::get_if<FilterSession::Helo>(&said_)) greeting_ = *greeting;
  std::ranges::fill(told_, 0);
  if (of_connection(command_) || command_ == Command::mail) settled_.reset();
  if (settled_ && command_ != Command::unknown) {
    answer(settled_->strength, settled_->verdict);
    if (command_ == Command::end_of_message) settled_.reset();
    return true;
  }
  if (!in_message_ && !of_connection(command_) && command_ != Command::unknown) {
    in_message_ = true;
    for (const auto& child : children_) child->begin_message();
  }
  const bool anyone =
      std::ranges::any_of(children_, [](const auto& child) { return child->may_be_ruled_out(); });
  if (anyone && settings_.decide.contains(command_)) {
    phase_ = Phase::deciding;
    events_.emplace_back(Decide{command_, &said_});
  } else {
    tell_event();
  }
  return true;
}

void Multiplexer::Core::rule_out(std::size_t child, std::string why) {
  if (phase_ == Phase::deciding && at(child).may_be_ruled_out())
    at(child).rule_out(in_message_ ? Scope::message : Scope::connection, std::move(why));
}

void Multiplexer::Core::set_macro(std::size_t child, std::string_view name, std::string_view value) {
  if (phase_ == Phase::deciding)
    at(child).set_macro(in_message_ ? Scope::message : Scope::connection, macro_stage(command_), name, value);
}

void Multiplexer::Core::decided() {
  if (phase_ == Phase::deciding) tell_event();
}

void Multiplexer::Core::tell_event() {
  phase_ = command_ == Command::end_of_message ? Phase::ending : Phase::telling;
  progress_due_ = now_ + settings_.progress;
  if (of_content(command_)) plan();
  if (const auto* header = std::get_if<FilterSession::Header>(&said_)) {
    header_ = header_text(header->header, parent_.leading_space());
    keep_header(header_);
    if (phase_ == Phase::closed) return;
  } else if (const auto* body = std::get_if<FilterSession::Body>(&said_)) {
    keep_body(body->octets);
  } else if (command_ == Command::end_of_message) {
    first_body_ = bodies_.size();
  }
  for (std::size_t i = 0; i < children_.size(); ++i) {
    if (at(i).takes_part()) at(i).tell_missed_macros(command_, now_);
    if (!at(i).takes_part() || at(i).replay) continue;
    told_[i] = 1;
    tell(at(i));
    at(i).hear(now_);
  }
}

void Multiplexer::Core::tell(MultiplexedChild& child) {
  using Session = ClientSession;
  const auto say = [&](Stage stage, const auto& how) { child.tell(command_, stage, now_, how); };
  std::visit(
      Overloaded{
          [&](const FilterSession::Connect& one) {
            say(Stage::connect,
                [&](Session& to, const MacroTable& macros) { to.connect(one.name, one.address, macros); });
          },
          [&](const FilterSession::Helo& one) {
            say(Stage::helo, [&](Session& to, const MacroTable& macros) { to.helo(one.name, macros); });
          },
          [&](const FilterSession::Mail& one) {
            say(Stage::mail,
                [&](Session& to, const MacroTable& macros) { to.mail(one.path, one.parameters, macros); });
          },
          [&](const FilterSession::Rcpt& one) {
            child.recipient(one.path);
            say(Stage::rcpt, [&](Session& to, const MacroTable& macros) {
              to.rcpt(one.path, one.parameters,
                      one.rejected ? Session::Recipient::rejected : Session::Recipient::accepted, macros);
            });
          },
          [&](const FilterSession::Data&) {
            say(Stage::data, [](Session& to, const MacroTable& macros) { to.data(macros); });
          },
          [&](const FilterSession::Unknown& one) {
            say(Stage::unknown,
                [&](Session& to, const MacroTable& macros) { to.unknown(one.command, macros); });
          },
          [&](const FilterSession::Header&) {
            say(Stage::end_of_headers,
                [&](Session& to, const MacroTable& macros) { to.header(header_, macros); });
          },
          [&](const FilterSession::EndOfHeaders&) {
            say(Stage::end_of_headers,
                [](Session& to, const MacroTable& macros) { to.end_of_headers(macros); });
          },
          [&](const FilterSession::Body& one) {
            child.tell_body(one.octets,
                            parent_.end_follows() ? Session::Behind::nothing : Session::Behind::unknown,
                            now_);
          },
          [&](const auto&) {
            say(Stage::end_of_message,
                [](Session& to, const MacroTable& macros) { to.end_of_message(macros); });
          },
      },
      said_);
}

bool Multiplexer::Core::all_answered() const {
  return std::ranges::none_of(
      children_, [](const auto& child) { return child->busy() || child->output_size() > kUnsent; });
}

// ---- the envelope ----

void Multiplexer::Core::answer_alone() {
  const auto verdict = fallback_verdict(settings_.alone);
  const auto said = strength(verdict);
  if (command_ == Command::unknown) return answer(Strength::go_on, {});
  if (in_message_) return conclude(said, verdict, std::nullopt);
  answer(said == Strength::discard ? Strength::go_on : said, verdict);
}

void Multiplexer::Core::answer_envelope() {
  if (children_.empty()) return answer_alone();
  VerdictMerge merged;
  // A verdict on what came earlier, and was told ahead, is the earlier one.
  std::array<VerdictMerge, 3> refusals;
  for (std::size_t i = 0; i < children_.size(); ++i) {
    if (told_[i] == 0 && !at(i).failed()) continue;
    auto voice = at(i).voice();
    if (refuses(voice) && at(i).fallback_may_lapse(command_)) voice = Strength::go_on;
    // Where there is no message none can be thrown away: one that failed says so again at the next.
    if (voice == Strength::discard && !in_message_) voice = Strength::go_on;
    merged.add(voice, at(i).last(), i);
    const auto decided = at(i).decided_at();
    const auto rank = decided == Command::connect ? 0U : decided == Command::helo ? 1U : 2U;
    if (refuses(voice)) refusals[rank].add(voice, at(i).last(), i);
  }
  for (const auto& one : refusals)
    if (one.child()) {
      merged = one;
      break;
    }
  const auto strength = merged.strength();
  if (command_ == Command::unknown) return answer(std::max(strength, Strength::go_on), merged.verdict());
  if (!in_message_) {
    if (refuses(strength)) {
      connection_verdict_ = merged;
      connection_verdict_at_ = command_;
    }
    return answer(strength, merged.verdict());
  }
  const bool of_recipient = command_ == Command::rcpt && strength != Strength::discard;
  if (strength <= Strength::accept || (refuses(strength) && !of_recipient))
    return conclude(strength, merged.verdict(), merged.child());
  answer(strength, merged.verdict());
}

void Multiplexer::Core::answer(Strength strength, const ClientSession::Verdict& verdict) {
  using Word = FilterSession::Answer;
  if (strength <= Strength::accept && quarantine_ && parent_.edit(*quarantine_)) quarantine_.reset();
  // What does not reach the MTA is said again at its next event: see settled_, and the children's standing
  // verdicts.
  const auto put = [this](const auto& what) { static_cast<void>(parent_.answer(what)); };
  switch (strength) {
    case Strength::none:
    case Strength::accept:
      return put(Word::accept);
    case Strength::skip:
      return put(Word::skip);
    case Strength::go_on:
      return put(Word::go_on);
    case Strength::discard:
      return put(Word::discard);
    case Strength::tempfail:
    case Strength::shutdown:
    case Strength::reject:
      break;
  }
  // The MTA has words of its own for those without a text.
  if (verdict.reply == SmtpReply::rejection()) return put(Word::reject);
  if (verdict.reply == SmtpReply::later()) return put(Word::tempfail);
  if (verdict.reply == SmtpReply::closing()) return put(Word::shutdown);
  put(verdict.reply);
}

// ---- the end ----

/// Nothing of the message is left to look at for anybody.
bool Multiplexer::Core::all_accept() const {
  bool any = false;
  for (std::size_t i = 0; i < children_.size(); ++i) {
    if (!passed(i)) continue;
    if (children_[i]->final_verdict()->kind != ClientSession::Verdict::Kind::accept) return false;
    any = true;
  }
  return any;
}

void Multiplexer::Core::settle(MultiplexerReport::End end, Strength strength,
                               const ClientSession::Verdict& verdict, std::optional<std::size_t> child) {
  MultiplexerReport report{MultiplexerReport::Of::message, end, verdict, command_, child, {}};
  if (end == MultiplexerReport::End::answered) {
    settled_ = Settled{strength, verdict};
    using Kind = ClientSession::Verdict::Kind;
    const bool accepted = strength == Strength::accept || all_accept();
    if (!refuses(strength)) report.verdict = {accepted ? Kind::accept : Kind::go_on, {}, {}};
  }
  quarantine_.reset();
  for (std::size_t i = 0; i < children_.size(); ++i) {
    const auto& edits = at(i).edits();
    const auto held = std::ranges::find_if(
        edits, [](const auto& edit) { return std::holds_alternative<Quarantine>(edit); });
    if (strength <= Strength::accept && !quarantine_ && !at(i).evaluated() && held != edits.end())
      quarantine_ = *held;
    report.children.push_back(at(i).report(Scope::message));
    at(i).end_message(now_);
  }
  events_.emplace_back(std::move(report));
  in_message_ = planned_ = keeps_headers_ = keeps_body_ = false;
  headers_ = {};
  header_octets_ = 0;
  trouble_.clear();
  bodies_.clear();
}

void Multiplexer::Core::conclude(Strength strength, const ClientSession::Verdict& verdict,
                                 std::optional<std::size_t> child) {
  settle(MultiplexerReport::End::answered, strength, verdict, child);
  answer(strength, verdict);
  if (command_ == Command::end_of_message) settled_.reset();
  phase_ = Phase::idle;
}

void Multiplexer::Core::report_connection() {
  MultiplexerReport report{MultiplexerReport::Of::connection, MultiplexerReport::End::over,
                           connection_verdict_.verdict(),     connection_verdict_at_,
                           connection_verdict_.child(),       {}};
  for (const auto& child : children_) report.children.push_back(child->report(Scope::connection));
  events_.emplace_back(std::move(report));
  connection_verdict_ = {};
}

void Multiplexer::Core::end(std::string reason, MultiplexerReport::End message) {
  if (in_message_) settle(message, Strength::none, {}, std::nullopt);
  report_connection();
  for (std::size_t i = 0; i < children_.size(); ++i)
    if (auto farewell = at(i).quit()) events_.emplace_back(Disconnect{i, *std::move(farewell)});
  phase_ = Phase::closed;
  reason_ = std::move(reason);
}

void Multiplexer::Core::give_up(std::string why) {
  const ClientSession::Verdict verdict{ClientSession::Verdict::Kind::reply,
                                       {451, "4.3.0", "Filters can't see the message now"},
                                       std::move(why)};
  conclude(Strength::tempfail, verdict, std::nullopt);
}

}  // namespace hikyaku::milter
