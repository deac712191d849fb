#pragma once
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "milter/edit.h"
#include "milter/header_list.h"
#include "milter/macros.h"
#include "milter/negotiation.h"
#include "milter/packet.h"
#include "milter/smtp_reply.h"

namespace hikyaku::milter {

/// What is done where a filter does not give a verdict (milter_default_action).
enum class DefaultAction : unsigned char { accept, reject, tempfail, quarantine, shutdown };
/// Reads the word of the setting. Fails with Fault::malformed.
Result<DefaultAction> parse_default_action(std::string_view word);

/// The client's address as filters are told it.
struct ClientAddress {
  enum class Family : char { unknown = 'U', local = 'L', inet = '4', inet6 = '6' };
  Family family = Family::unknown;
  std::uint16_t port = 0;
  std::string address;  ///< "192.0.2.1", "2001:db8::1" without a prefix, or a path
  bool operator==(const ClientAddress&) const = default;
};

/// The MTA's end of the talk with one filter, for one SMTP connection. Pure: no socket, no clock. Not
/// thread-safe.
///
/// Once the filter is connected, and again after each event (connect(), mail() ...), loop: next(); at
/// NeedBytes send take_output(), wait for octets, feed() them; note each Edit and Modified; at Verdict the
/// event is answered. When quit() was called send take_output() and close.
///
/// TOLD AHEAD. Most filters pass the headers and the body of a message and decide at its end. With
/// tell_ahead() the headers, their end and a body of one packet are not waited for one by one, nor, where
/// that is asked for, the client, HELO and DATA: their Verdict is go_on at once, and what the filter answers
/// to them is the Verdict of an event behind them, at latest of MAIL and of the message's end. The filter
/// gets the same octets and gives the same answers, but in one turn. A filter that did make up its mind
/// earlier (decided_early()) may answer what it was told meanwhile, or may not (libmilter does not): see
/// out_of_step().
///
/// Keeps one packet of the filter at most, and the output that was not taken.
class ClientSession {
 public:
  struct Limits {
    /// How many edits a message may get, and their octets. Chunks of a new body do not count: those are for
    /// the caller to count.
    std::size_t edits = 10000;
    std::size_t edit_octets = std::size_t{4} << 20;
    std::size_t packet = kReadLimit;  ///< octets of data in a packet of the filter
  };
  struct Settings {
    Offer offer = Offer::of_version(kVersion);
    /// Which macros a filter is told that has set no list of its own. Without lists: all that the table of
    /// the event has, for a multiplexer, which hands on what it was told.
    std::optional<MacroLists> macros = MacroLists::postfix();
    DefaultAction default_action = DefaultAction::tempfail;
    /// Steps that a filter wants though it does not say so: no_reply_header of "milter_protocol = 6
    /// no_header_reply".
    std::uint32_t assumed_steps = 0;
    Limits limits;
  };

  /// The deadline that runs while octets are waited for: milter_command_timeout, or milter_content_timeout
  /// from the first header to the end of the message. (milter_connect_timeout is for the caller's connect.)
  enum class Timeout : unsigned char { command, content };
  struct NeedBytes {
    Timeout timeout;
    bool
        renewed;  ///< the deadline begins anew: nothing was waited for before, something else was, or the
                  ///< filter said PROGRESS, which it may do without end: a limit of the whole is the caller's
    bool progress = false;  ///< it did say PROGRESS
  };
  /// What the filter makes of the event, or of the rest of the connection.
  struct Verdict {
    enum class Kind : unsigned char {
      go_on,       ///< nothing against it
      accept,      ///< nothing against it, and this filter wants to see no more: see active()
      reply,       ///< refuse with `reply`: the event's command, or the message from data() on
      discard,     ///< take the message, and throw it away
      quarantine,  ///< take the message, and hold it: only from the default action
      shutdown,    ///< refuse with `reply`, 421, and close the SMTP connection
    };
    Kind kind = Kind::go_on;
    SmtpReply reply;  ///< of reply and shutdown
    /// Not empty: the filter gave no verdict, and this is the default action. Why, escaped, for log and
    /// ledger.
    std::string failure;
    bool operator==(const Verdict&) const = default;
  };
  using Event = std::variant<NeedBytes, Edit, Verdict>;

  /// Begins with the negotiation: the first Verdict tells how it went. `settings` must outlive the session.
  explicit ClientSession(const Settings& settings);

  [[nodiscard]] Event next();
  void feed(std::string_view octets) { reader_.feed(octets); }

  // The events of the SMTP connection. Each is to be answered, by a Verdict of next(), before the one after
  // it. What the filter does not want to see is answered at once. `macros` is what the macros are worth now.

  /// `name` is empty or "unknown" for a client without one: filters are told "[192.0.2.1]".
  void connect(std::string_view name, const ClientAddress& address, const MacroTable& macros);
  void helo(std::string_view name, const MacroTable& macros);
  /// `path` with its angle brackets, `parameters` as they stood in the command ("SIZE=12"). A message that
  /// was begun before is aborted.
  void mail(std::string_view path, std::span<const std::string> parameters, const MacroTable& macros);
  enum class Recipient : unsigned char { accepted, rejected };
  /// A rejected one is told to filters that want it (MacroTable::rejected_recipient()), and the answer does
  /// not count but for failures.
  void rcpt(std::string_view path, std::span<const std::string> parameters, Recipient recipient,
            const MacroTable& macros);
  void data(const MacroTable& macros);
  void unknown(std::string_view command, const MacroTable& macros);
  /// `text` is one header as it stands in the message, not our own Received. `macros` are those of the end of
  /// the headers, which Postfix sends before the first header too.
  void header(std::string_view text, const MacroTable& macros);
  void end_of_headers(const MacroTable& macros);
  /// What is known of the body behind the octets that are at hand.
  enum class Behind : unsigned char {
    unknown,  ///< more of it may come
    nothing,  ///< the end of the message follows
  };
  /// Takes a part off the front of `octets` (lines end in CR LF) and returns its size: at most body_size(),
  /// and 0 only for none. Not copied: `octets` must stay until take_output() or the next event. Told ahead
  /// only where this is all of the body, since a filter may want no more of it (SKIP).
  std::size_t body(std::string_view octets, const MacroTable& macros, Behind behind = Behind::unknown);
  void end_of_message(const MacroTable& macros);
  /// The message was given up, or is through. No Verdict. Costs nothing where the filter saw no message.
  void abort();
  /// The last event. No Verdict.
  void quit();

  /// What is told ahead.
  struct Ahead {
    bool connect = false, helo = false, data = false;
    bool content = false;  ///< headers, their end, and a body of one packet
    bool has(Command command) const;
    /// No more from here on.
    void forget(Command command);
  };
  void tell_ahead(const Ahead& what) { ahead_ = what; }

  /// Nothing came before the deadline; the connection could not be made, ended, or broke. Then next() gives
  /// the Verdict. `what` says so, for the log.
  void timed_out();
  void connection_lost(std::string_view what);
  /// The MTA itself ends, and can't wait: a refusal with 421, whatever the default action is.
  void give_up();
  /// What the configuration says of this filter is nonsense, so that nobody can ask it. In place of the
  /// negotiation.
  void misconfigured(std::string_view what);

  /// Answers to what was told ahead of the message are still to come.
  bool owes_answers() const;
  bool owes(Command command) const;
  /// Waits for them, though no event follows: a Verdict comes when all are there.
  void await_answers() { waiting_ = renewed_ = owes_answers(); }
  /// An answer may come now, also while none is waited for.
  bool may_speak() const { return !unanswered_.empty(); }
  /// It decided while it was told more, and is told nothing else on this connection: what it says to that is
  /// nobody's.
  bool unheard() const { return decided_early_ && (out_of_step_ || state_ == State::connection_done); }
  /// The last event that it decided at while it was told more.
  std::optional<Command> decided_early() const { return decided_early_; }
  /// Octets of the filter that are not looked at yet.
  std::size_t unread() const { return reader_.pending(); }
  /// The filter made up its mind while it was told more, or what it was told ahead was given up: nobody can
  /// know which answer belongs to which event. The last Verdict counts; the connection is to be closed, and
  /// another one made before the next message.
  bool out_of_step() const { return out_of_step_; }
  /// The event that the last Verdict of the filter answers: where events are told ahead, one that came
  /// earlier.
  Command answered_event() const { return answered_; }

  /// What is to be sent: `head`, then `body`, which is part of what was given to body().
  struct Output {
    std::string head;
    std::string_view body;
  };
  [[nodiscard]] Output take_output() { return {std::exchange(out_, {}), std::exchange(body_, {})}; }
  bool has_output() const { return !out_.empty() || !body_.empty(); }

  /// Only once the negotiation is through.
  const Agreement& agreement() const { return agreement_; }
  LeadingSpace leading_space() const {
    return agreement_.has(step::header_leading_space) ? LeadingSpace::kept : LeadingSpace::taken_off;
  }
  /// The most that body() takes at once. 65,535 octets unless more is agreed.
  std::size_t body_size() const { return agreement_.data_size(); }
  /// The filter still wants to see something of this message: what it does not need not be read for it.
  bool active() const { return state_ == State::talking; }
  /// It is in the middle of a message, or of the beginning of the connection: more is going to be sent soon.
  bool expects_more() const {
    return state_ == State::negotiating || (state_ == State::talking && !passed_end_);
  }
  /// The filter failed: the default action holds for all events that follow, and the connection is to be
  /// closed.
  bool broken() const { return standing_ && !standing_->failure.empty(); }
  /// `command` would be sent now.
  bool wants(Command command) const;
  /// Things that are worth a line in the log, escaped: a header that was cut to fit a packet, a DISCARD where
  /// there is no message. At most 20 are kept.
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  enum class State : unsigned char {
    negotiating,
    talking,
    message_done,     // accept, discard: until the next message
    connection_done,  // a verdict at connect or helo, or a failure: it holds for the rest
    quit,
  };

  void begin(Command command);
  void put_macros(Command command, Stage stage, const MacroTable& macros);
  bool send_macros(Command command, Stage stage, const MacroTable& macros);
  enum class Wait : unsigned char { for_answer, may_come_later };
  void sent(Command command, Wait wait = Wait::for_answer);
  /// The event that an answer that comes now belongs to.
  Command asked() const { return unanswered_.empty() ? event_ : unanswered_.front(); }
  void put_command(Command command, std::string_view text, Stage stage, const MacroTable& macros);
  void put_path(Command command, Stage stage, std::string_view path, std::span<const std::string> parameters,
                const MacroTable& macros);
  std::string_view cut(std::string_view text, std::size_t room, std::string_view what);
  Timeout timeout() const;

  std::optional<Event> handle(const Packet& packet);
  std::optional<Event> handle_negotiation(Response response, std::string_view data);
  std::optional<Event> handle_final(Response response);
  Event handle_edit(Response response, std::string_view data);
  Event verdict(Verdict::Kind kind, SmtpReply reply = {});
  std::optional<Event> refused(SmtpReply reply);
  Event answered();
  /// The filter has nothing against the event that it answered. nullopt: another one is waited for.
  std::optional<Event> passed();
  Event in_step(Event event);
  /// The filter is of no use any more: the default action holds from here on.
  Event failed(std::string why);
  /// The same of what Postfix takes for a fault of the configuration: no SMTP reply where one is due, other
  /// changes between the chunks of a body.
  Event unusable(std::string why);
  void note(std::string text);

  const Settings& settings_;
  PacketReader reader_;
  std::string out_;
  std::string_view body_;
  Agreement agreement_;
  std::optional<Verdict> standing_;  // for the rest of the connection
  std::vector<std::string> notes_;
  std::size_t edits_ = 0, edit_octets_ = 0;
  std::optional<Command> skipped_;  // SKIP: this event comes no more in this message
  std::deque<Command> unanswered_;  // told, in this order, each with an answer to come
  Command event_ = Command::negotiate, answered_ = Command::negotiate;
  State state_ = State::negotiating;
  bool waiting_ = true, renewed_ = true;
  bool progress_ = false;
  Ahead ahead_;
  std::optional<Command> decided_early_;
  bool told_ahead_ = false /* in this message */, out_of_step_ = false;
  bool rejected_recipient_ = false;
  bool passed_end_ = false;  // the end of a message was told, and no other event since
  bool message_open_ = false, end_sent_ = false, macros_of_headers_sent_ = false,
       macros_of_body_sent_ = false;
  enum class Body : unsigned char { kept, being_replaced, replaced } new_body_ = Body::kept;
};

}  // namespace hikyaku::milter
