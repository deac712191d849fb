#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "milter/client_session.h"
#include "milter/filter_session.h"
#include "milter/macros.h"
#include "milter/message_spool.h"
#include "milter/multiplexer_report.h"

namespace hikyaku::milter {

/// One filter towards an MTA (the parent) that is many filters (the children) behind it, for one connection
/// of the MTA. Pure: no socket, no clock, no thread; the time is handed in, and must not go back. Blocks in
/// the spool alone, and there only within next(), once spooled(). Not thread-safe.
///
/// Loop: next(now); handle what it gives, and call it again, until NeedOctets. Then send take_output() of the
/// parent and of each child, wait for whichever comes first of: octets of the parent (if wanted) or of a
/// child, the end of a write, NeedOctets::wake_at; hand them in, and begin again. Take the output of a
/// peer only when all that was taken before is written: what stands here untaken holds up the rest, and lets
/// the writing timeout run. Whatever a child does, nothing but that child's own part is lost.
///
/// ENVELOPE (connect to DATA, and unknown commands). All children that take part are told at once. The
/// strongest verdict is the answer: discard, reject (5xx), shutdown (421), tempfail (4xx), continue, skip,
/// accept; the first in list order among equals, in its own words. A reply to RCPT is that recipient's alone.
/// A child that accepted is out of the connection (before MAIL) or of the message; when all are out the MTA
/// is told ACCEPT at the next answer that it waits for.
///
/// CONTENT (the first header to the end of the message). The result is what Postfix has with the same filters
/// in the same order in smtpd_milters, byte for byte: each child sees the headers and the body with the edits
/// of all those before it; the first child in list order that refuses or discards decides, as soon as all
/// before it are through; the edits go up in list order, which is why their indexes need no translation. A
/// child runs alongside those before it unless one of them may change what it sees:
///   - one that agreed on adding or changing headers, and this one sees headers (no NOHDRS);
///   - one that agreed on changing the body, and this one sees the body (no NOBODY), or changes it too.
/// So all judges run together, also those that quarantine or change the envelope, with the first that
/// changes behind them; and children that add headers run together where those behind do not look at headers,
/// or are said not to care (AddedHeaders::ignored). All others wait until those are through, and are then
/// told the message from what was kept. Children in evaluation mode are never waited for by others, but the
/// MTA's answer waits for them.
///
/// TOLD AHEAD. A child is told the client and HELO with MAIL behind them, and DATA, the headers and a body of
/// one packet with the end of the message; the MTA is asked to wait for no answers to them. What a child says
/// to one of them counts at the next answer. Where it did decide there, it is told that event by itself from
/// then on, and the MTA of connections to come waits for the answer; if it decided on a message it is
/// connected to again before the next one.
///
/// A child that fails (refused, timeout, end of connection, nonsense, edits out of turn or not agreed on)
/// gives its fallback status from there on, but no refusal as long as a condition may rule it out; edits of
/// the message at hand that it had asked for are dropped. Its connection is closed.
///
/// Memory, at most: one packet of the parent and of each child (Limits::packet) and what was fed at once;
/// 64 KiB of macros for each of 8 stages; Limits::headers, and again for each child that is being told edited
/// headers; Limits::in_memory of the body; of each child Limits::edits and edit_octets; about 128 KiB of
/// output for each peer and what one packet or command adds. On disk: the body, and one more for each child
/// that replaces it, each at most Limits::body.
class Multiplexer {
 public:
  using Moment = std::chrono::steady_clock::time_point;
  using Duration = std::chrono::milliseconds;

  /// What is done where a child gives no verdict.
  enum class Fallback : unsigned char { accept, tempfail, reject, discard };
  struct Timeouts {
    Duration connection = std::chrono::seconds(297);
    Duration writing = std::chrono::seconds(7);
    Duration reading = std::chrono::seconds(7);
    Duration end_of_message = std::chrono::seconds(297);
  };
  enum class Mode : unsigned char {
    acting,
    evaluation,  ///< sees all, changes nothing: its fallback does not count either
  };
  /// Whether what those before it only add to the headers matters to a child.
  enum class AddedHeaders : unsigned char {
    matter,
    ignored,  ///< it need not wait for them, and sees the headers without them
  };
  struct Child {
    std::string name;
    Fallback fallback = Fallback::accept;
    Fallback fallback_at_disconnect = Fallback::tempfail;  ///< its connection ended within a message
    Timeouts timeouts = {};
    Mode mode = Mode::acting;
    AddedHeaders added_headers = AddedHeaders::matter;
    /// The client, HELO, DATA, headers and a short body are told without waiting for an answer to each.
    bool tell_ahead = true;
    /// Commands at which a condition of its own may rule it out. A refusal for one that failed waits for the
    /// last of them: a filter refuses nobody who is none of its business.
    std::set<Command> may_be_ruled_out = {};
  };
  struct Limits {
    std::size_t packet = kReadLimit;               ///< octets of data
    std::size_t headers = std::size_t{4} << 20;    ///< octets of a message's headers; more end the talk
    std::size_t in_memory = std::size_t{5} << 20;  ///< octets of bodies before they are spooled
    std::uint64_t body = std::uint64_t{1} << 30;   ///< octets of one body that must be kept; more: tempfail
    std::size_t edits = 10000;                     ///< of a child to a message
    std::size_t edit_octets = std::size_t{4} << 20;
  };
  struct Settings {
    std::vector<Child> children;
    /// Commands at which the conditions are asked: Decide. The MTA is asked for them though no child wants
    /// them.
    std::set<Command> decide;
    /// Macros that the conditions want, by stage: asked for besides where a list is set at all.
    MacroOverrides macros = {};
    /// The answer where there are no children.
    Fallback alone = Fallback::accept;
    /// How often the MTA is told PROGRESS while the end of its message waits.
    Duration progress = std::chrono::seconds(10);
    Limits limits = {};
  };

  struct NeedOctets {
    bool parent = false;  ///< octets of the parent are wanted; others may come, but need not be read
    std::optional<Moment> wake_at = {};  ///< next() is to be called then, though nothing came
    bool room = false;  ///< next() is to be called when what stands here for a peer is written
  };
  /// Connect to it, and say connected() or connection_failed().
  struct Connect {
    std::size_t child;
  };
  /// Send `farewell` behind what was taken before, if it goes, and close. It may be connected to again.
  struct Disconnect {
    std::size_t child;
    std::string farewell;
  };
  /// What the conditions say at this command of the MTA: rule_out() any children, then decided().
  struct Decide {
    Command command;
    const FilterSession::Event* event;  ///< what the MTA said; until decided()
  };
  /// The last event: send the parent's output, and close. `reason` is for the log, escaped; empty: the MTA
  /// said QUIT.
  struct End {
    std::string reason;
  };
  using Event = std::variant<NeedOctets, Connect, Disconnect, Decide, MultiplexerReport, End>;

  /// `settings` and `spool` must outlive it.
  Multiplexer(const Settings& settings, MessageSpool& spool);
  ~Multiplexer();
  Multiplexer(const Multiplexer&) = delete;
  Multiplexer& operator=(const Multiplexer&) = delete;

  [[nodiscard]] Event next(Moment now);

  // The parent.
  void feed_parent(std::string_view octets);
  /// What it said before is not heard any more: for an end of its stream see parent_backlog().
  void parent_lost(std::string_view what);
  /// Octets of it that have not been looked at.
  std::size_t parent_backlog() const;
  [[nodiscard]] std::string take_parent_output();
  bool has_parent_output() const;

  /// Before the first next(): this child is known to decide at `command` (ChildReport::early).
  void tell_one_by_one(std::size_t child, Command command);

  // A child. Calls for one that was disconnected since are ignored.
  void connected(std::size_t child);
  /// Refused, or not tried (no budget, a circuit breaker): its fallback counts.
  void connection_failed(std::size_t child, std::string_view what);
  void feed_child(std::size_t child, std::string_view octets);
  void child_lost(std::size_t child, std::string_view what);
  /// Without what is told ahead, until something is behind it that is waited for.
  [[nodiscard]] std::string take_output(std::size_t child);
  bool has_output(std::size_t child) const;
  /// More is going to be sent soon (HeadStart); never where it is not to be told ahead.
  bool expects_more(std::size_t child) const;

  // While Decide is open.
  /// `child` is spoken to no more: in this connection at connect and HELO, else in this message.
  void rule_out(std::size_t child, std::string why);
  /// `child` is told this macro from now on: for the connection at connect and HELO, else for this message.
  /// What the MTA tells of it at a later stage counts there.
  void set_macro(std::size_t child, std::string_view name, std::string_view value);
  void decided();

  /// A child still has a part in the message, or connection.
  bool takes_part(std::size_t child) const;
  /// Its conditions are worth asking: it has a part, or it failed and its fallback would count.
  bool may_be_ruled_out(std::size_t child) const;
  /// What it said last in this message, or in this connection before: for conditions that ask.
  const ClientSession::Verdict& last_verdict(std::size_t child) const;
  /// The MTA's macros and what was agreed on with it.
  const FilterSession& parent() const;
  /// What `child` is known to be told: the MTA's macros, and what conditions have set, later ones first.
  MacroTable known_macros(std::size_t child) const;
  /// What was agreed on with the child; nullptr where it is not there.
  const Agreement* agreement(std::size_t child) const;
  /// Part of the message is in the spool, or is going to be with the next packet: next() may block. Or there
  /// are so many changes that it may take long.
  bool spooled() const;

 private:
  class Core;
  std::unique_ptr<Core> core_;
};

}  // namespace hikyaku::milter
