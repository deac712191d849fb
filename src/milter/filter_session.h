#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "milter/client_session.h"
#include "milter/edit.h"
#include "milter/header_list.h"
#include "milter/macros.h"
#include "milter/negotiation.h"
#include "milter/packet.h"
#include "milter/smtp_reply.h"

namespace hikyaku::milter {

/// A filter's end of the talk with an MTA, for one connection of the MTA. Pure: no socket, no clock. Not
/// thread-safe.
///
/// Loop: next(); at NeedBytes send take_output(), then feed() what arrived; answer each event that says so
/// with answer(), at EndOfMessage after any number of edit(); at Close send take_output() and close. An event
/// that was not answered before the next call of next() is answered with a tempfail.
///
/// Keeps one packet of the MTA at most, the macros of one message, and the output that was not taken.
class FilterSession {
 public:
  struct Settings {
    std::size_t packet = kReadLimit;  ///< octets of data in a packet of the MTA
    std::size_t macros = 65536;       ///< octets of the macros of one stage; more end the talk
  };

  struct NeedBytes {};
  /// The first event: what the MTA offers. Answer: negotiate(), which may wait for other parties; without it
  /// the talk ends.
  struct Negotiate {
    Offer offer;
  };
  // Events that are to be answered:
  struct Connect {
    std::string name;  ///< "mx.example.com", or "[192.0.2.1]" for a client without a name
    ClientAddress address;
  };
  struct Helo {
    std::string name;
  };
  struct Mail {
    std::string path;  ///< as the MTA gave it, usually with angle brackets
    std::vector<std::string> parameters;
  };
  struct Rcpt {
    std::string path;
    std::vector<std::string> parameters;
    /// Where step::rejected_recipients is agreed on and the macro is told:
    bool rejected = false;  ///< the MTA has refused it ({rcpt_mailer} is "error"): the answer does not count
  };
  struct Data {};
  struct Unknown {
    std::string command;
  };
  struct Header {
    FilterHeader header;  ///< as leading_space() says
  };
  struct EndOfHeaders {};
  struct Body {
    std::string_view octets;  ///< until the next call of next() or feed()
  };
  struct EndOfMessage {};
  // Events without an answer:
  struct Abort {};          ///< the message was given up
  struct NewConnection {};  ///< the MTA's next SMTP connection follows on this one (QUIT_NC)
  /// The last event. `reason` is for the log, escaped; empty: the MTA said QUIT.
  struct Close {
    std::string reason;
  };
  using Event = std::variant<NeedBytes, Negotiate, Connect, Helo, Mail, Rcpt, Data, Unknown, Header,
                             EndOfHeaders, Body, EndOfMessage, Abort, NewConnection, Close>;

  /// `settings` must outlive the session.
  explicit FilterSession(const Settings& settings) : settings_(settings), reader_(settings.packet) {}

  [[nodiscard]] Event next();
  void feed(std::string_view octets) { reader_.feed(octets); }

  /// Answers Negotiate; from here on agreement() counts. Fails with Fault::permanent when the MTA lacks what
  /// is needed; then the talk is over, and next() gives Close.
  Result<void> negotiate(const Wishes& wishes);
  /// go_on, accept, discard, reject, tempfail, skip or shutdown; or a reply. Returns false where it does not
  /// reach the MTA: no answer to this event was agreed on, and anything but go_on is lost; or no event is
  /// open.
  enum class Answer : char {
    go_on = 'c',
    accept = 'a',
    discard = 'd',
    reject = 'r',
    tempfail = 't',
    skip = 's',
    shutdown = '4',
  };
  bool answer(Answer answer);
  bool answer(const SmtpReply& reply);
  /// Before the answer to EndOfMessage; a quarantine before any answer. Returns false, and sends nothing,
  /// elsewhere, without the agreed action, and for what is too large for a packet. A ReplaceBody of any size
  /// is cut into several.
  bool edit(const Edit& edit);
  /// More time is needed for the answer. Returns false when none is due.
  bool progress();

  /// After Body: the end of the message is there already, right behind it.
  bool end_follows() const;

  /// What the MTA said this macro is worth, by either form of its name: the value of the latest stage that
  /// has it.
  std::optional<std::string_view> macro(std::string_view name) const;
  /// All macros of a stage, as the last packet of it said.
  const MacroTable& macros(Stage stage) const { return macros_[static_cast<std::size_t>(stage)]; }

  /// Everything to be sent so far.
  [[nodiscard]] std::string take_output() { return std::exchange(out_, {}); }
  bool has_output() const { return !out_.empty(); }
  std::size_t output_size() const { return out_.size(); }
  /// Octets that were fed, and are no event yet.
  std::size_t unread() const { return reader_.pending(); }

  /// The MTA has begun a message that is neither answered nor given up.
  bool in_message() const { return phase_ >= Phase::mail && phase_ < Phase::closed; }
  /// Only after negotiate().
  const Agreement& agreement() const { return agreement_; }
  LeadingSpace leading_space() const {
    return agreement_.has(step::header_leading_space) ? LeadingSpace::kept : LeadingSpace::taken_off;
  }

 private:
  // In the order in which events come; one that was agreed away may be missing.
  enum class Phase : unsigned char {
    start,
    offered,
    negotiated,
    connected,
    greeted,
    mail,
    rcpt,
    data,
    headers,
    body,
    closed,
  };

  std::optional<Event> handle(const Packet& packet);
  std::optional<Event> handle_negotiation(std::string_view data);
  std::optional<Event> handle_macros(std::string_view data);
  std::optional<Event> handle_reset(Command command);
  Event handle_event(Command command, std::string_view data);
  Event parse_event(Command command, std::string_view data);
  /// Empty: `command` may come now. Otherwise why not.
  std::string out_of_order(Command command) const;
  void forget_message();
  Event close(std::string reason);
  bool put_answer(char kind, std::string_view data);

  const Settings& settings_;
  PacketReader reader_;
  std::string out_;
  Agreement agreement_;
  std::array<MacroTable, kStages> macros_;
  struct Held {
    Command command;
    Event event;
  };
  std::optional<Command> open_;  // the event that is to be answered
  std::optional<Held> held_;     // what follows on the event that was given
  std::string close_reason_;
  Offer offer_;
  Phase phase_ = Phase::start;
};

}  // namespace hikyaku::milter
