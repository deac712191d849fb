#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "milter/client_session.h"
#include "milter/filter_session.h"
#include "milter/header_list.h"
#include "milter/macros.h"
#include "milter/message_spool.h"
#include "milter/multiplexer.h"
#include "milter/multiplexer_report.h"
#include "milter/verdict_merge.h"

namespace hikyaku::milter {

/// How far a filter has been told a message from what was kept of it.
struct Replay {
  enum class Next : unsigned char { headers, end_of_headers, body, end_of_message } next = Next::headers;
  bool begun = false;
  std::size_t header = 0;
  HeaderList headers;
  BodyStore::Extent body;
  std::uint64_t told = 0;
  std::string chunk;
};

ClientSession::Verdict fallback_verdict(Multiplexer::Fallback fallback);

/// One filter of a Multiplexer: its talk, its time, what it said and asked for. Of the MTA it knows the
/// macros, of the other filters nothing. Keeps what the Multiplexer's header says of a child. Not
/// thread-safe.
class MultiplexedChild {
 public:
  using Moment = Multiplexer::Moment;
  enum class Failure : unsigned char { connection, timeout, disconnected, protocol };

  /// All must outlive it. New bodies go to `bodies`.
  MultiplexedChild(const Multiplexer::Child& settings, const Multiplexer::Limits& limits,
                   const FilterSession& parent, BodyStore& bodies);
  MultiplexedChild(const MultiplexedChild&) = delete;
  MultiplexedChild& operator=(const MultiplexedChild&) = delete;

  // The connection.
  void connect(const Offer& offer, Moment now);
  /// Another connection in place of one that is out of step; what is known of the MTA's connection stays.
  void connect_again(const Offer& offer, Moment now);
  void connected(Moment now);
  void fail(Failure kind, std::string_view what);
  /// Its connection is to be closed: it failed, or was ruled out. Once for each.
  bool take_closing() { return std::exchange(closing_, false); }
  /// Ends the talk, as a filter is to be left. nullopt: there is no connection.
  std::optional<std::string> quit();
  bool settled() const { return link_ == Link::ready || link_ == Link::gone; }
  bool linked() const { return link_ != Link::gone; }
  const Agreement* agreement() const { return link_ == Link::ready ? &session_->agreement() : nullptr; }
  void feed(std::string_view octets);
  /// It decided while it was told more, or does not answer for a message that is over: before the next one it
  /// is to be connected to again.
  bool out_of_step() const { return link_ == Link::ready && (abandoned_ || session_->out_of_step()); }
  /// `command` is not told ahead, in this connection of the MTA and those that follow on it.
  void tell_one_by_one(Command command);
  bool told_ahead(Command command) const { return ahead_.has(command); }
  std::string take_output();
  bool expects_more() const {
    return settings_.tell_ahead && session_ && link_ != Link::gone && session_->expects_more();
  }
  /// What is to be sent. What is told ahead waits for what follows.
  std::size_t output_size() const { return held() ? 0 : out_.size(); }

  // Time.
  std::optional<Moment> deadline() const;
  void expire(Moment now);
  /// It said PROGRESS since the last call.
  bool take_progress() { return std::exchange(progressed_, false); }

  // Its part.
  enum class Scope : unsigned char { connection, message };
  void begin_message();
  void end_message(Moment now);  ///< it is told ABORT, once it answers, if it did not hear the message out
  void rule_out(Scope scope, std::string why);
  /// Told from `stage` on, but where the MTA tells a value of its own at another one.
  void set_macro(Scope scope, Stage stage, std::string_view name, std::string_view value);
  /// All that it was or is going to be told by now: of one macro the latest stage's.
  MacroTable known_macros() const;
  bool evaluated() const { return settings_.mode == Multiplexer::Mode::evaluation; }
  bool in_message() const { return in_message_; }
  /// It failed, and may turn out later than at `command` to be none of those that are asked.
  bool fallback_may_lapse(Command command) const;
  /// It is spoken to: it did not fail, was not ruled out, and has not made up its mind of the message.
  bool takes_part() const {
    return link_ == Link::ready && !abandoned_ && !ruled_out() && !(in_message_ && final_);
  }
  /// Its conditions count: also where it failed, for then it has no fallback to give.
  bool may_be_ruled_out() const {
    return takes_part() || (failed() && !ruled_out() && !(in_message_ && final_));
  }
  bool ruled_out() const { return ruled_out_connection_ || (in_message_ && ruled_out_message_); }
  bool failed() const { return standing_.has_value(); }
  bool wants(Command command) const { return takes_part() && session_->wants(command); }
  bool may(std::uint32_t actions) const { return (session_->agreement().actions & actions) != 0; }

  /// Tells it: say(session, macros). Only while it takes part and is not busy.
  template <class Say>
  void tell(Command command, Stage stage, Moment now, const Say& say) {
    begin(command, now);
    MacroTable made;
    say(*session_, macros(stage, made));
    collect(now);
  }
  /// `octets` must stay until it is not busy any more.
  void tell_body(std::string_view octets, ClientSession::Behind behind, Moment now);
  /// Tells it the macros of commands that the MTA was asked to leave out, each once: libmilter remembers
  /// them.
  void tell_missed_macros(Command before, Moment now);
  /// Goes on as far as what it said leads.
  void hear(Moment now);
  /// An answer, or octets that are to go out first, are waited for.
  bool busy() const { return waiting_ || !rest_.empty(); }

  /// What it adds to the answer of the command that it was just told, or while it has failed.
  Strength voice() const;
  /// The first command to which an answer is due because it has failed.
  std::optional<Command> refuses_first_at() const;
  const ClientSession::Verdict& last() const { return standing_ ? *standing_ : last_; }
  /// The event that last() answers.
  Command decided_at() const { return standing_ ? command_ : session_->answered_event(); }
  bool owes(Command command) const { return !standing_ && session_ && session_->owes(command); }
  /// Of the message, once it has made up its mind.
  const std::optional<ClientSession::Verdict>& final_verdict() const { return final_; }

  // What it asked for, where it passed the message.
  const std::vector<Edit>& edits() const { return message_.edits; }
  void drop_edit(std::size_t number) {
    message_.edits.erase(message_.edits.begin() + static_cast<std::ptrdiff_t>(number));
  }
  const std::optional<BodyStore::Extent>& new_body() const { return new_body_; }
  LeadingSpace leading_space() const { return session_->leading_space(); }
  /// Its new body could not be kept: why.
  const std::string& store_error() const { return store_error_; }
  void note(std::string text);
  void recipient(std::string_view path) { recipient_ = path; }

  ChildReport report(Scope scope);

  /// While it waits for those before it, or is told the message from what was kept.
  std::optional<Replay> replay;

 private:
  enum class Link : unsigned char { connecting, negotiating, ready, gone };

  void abandon();
  void begin_connecting(const Offer& offer, Moment now);
  void give_message_up(Moment now);
  bool held() const;
  void begin(Command command, Moment now);
  void collect(Moment now);
  const MacroTable& macros(Stage stage, MacroTable& made) const;
  void keep(Edit edit);
  void keep_body(std::string_view octets);
  void answered(ClientSession::Verdict verdict, Moment now);
  ChildReport& current() { return in_message_ ? message_ : connection_; }
  void drop_edits();
  Multiplexer::Duration patience() const;

  const Multiplexer::Child& settings_;
  const Multiplexer::Limits& limits_;
  const FilterSession& parent_;
  BodyStore& bodies_;
  ClientSession::Settings session_settings_;
  std::optional<ClientSession> session_;
  std::string out_;
  std::string_view rest_;  // of a chunk that takes more than one packet
  ClientSession::Behind behind_rest_ = ClientSession::Behind::unknown;

  std::optional<ClientSession::Verdict> standing_;  // its fallback, once it failed
  ClientSession::Verdict last_;
  std::optional<ClientSession::Verdict> final_;
  /// What conditions set, and at which stage each.
  struct Extra {
    std::string name, value;
    Stage stage;
  };
  std::vector<Extra> extra_connection_, extra_message_;
  ChildReport connection_, message_;
  std::optional<BodyStore::Extent> new_body_;
  BodyReplacement replacement_;
  std::string store_error_;
  std::string recipient_;
  std::size_t session_notes_ = 0;  // of the session, that are in a report
  Moment asked_, due_, unsent_since_;
  Command command_ = Command::negotiate;
  Link link_ = Link::gone;
  unsigned macros_told_ = 0;  // of which commands
  ClientSession::Ahead ahead_;
  bool waiting_ = false, asked_aloud_ = false, progressed_ = false, closing_ = false;
  bool in_message_ = false, ruled_out_connection_ = false, ruled_out_message_ = false, abort_due_ = false;
  bool abandoned_ = false;  // its connection is not used any more
  bool urgent_ = false;     // what is to be sent, though no answer is waited for
};

}  // namespace hikyaku::milter
