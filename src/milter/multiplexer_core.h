#pragma once
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "milter/multiplexed_child.h"
#include "milter/multiplexer.h"
#include "milter/verdict_merge.h"

namespace hikyaku::milter {

/// What stands behind a Multiplexer: the MTA's events in, one at a time, and what its children make of them
/// out. Not thread-safe.
class Multiplexer::Core {
 public:
  Core(const Settings& settings, MessageSpool& spool);

  Event next(Moment now);
  void feed_parent(std::string_view octets) { from_parent_ += octets; }
  void parent_lost(std::string_view what);
  std::size_t parent_backlog() const { return from_parent_.size() + parent_.unread(); }
  std::string take_parent_output() { return parent_.take_output(); }
  const FilterSession& parent() const { return parent_; }
  void connected(std::size_t child) { at(child).connected(now_); }
  MultiplexedChild& at(std::size_t child) { return *children_[child]; }
  /// next() may block, or take long.
  bool spooled() const {
    return bodies_.spooled() || many_changes() ||
           (bodies_.size() > 0 && bodies_.size() + settings_.limits.packet > settings_.limits.in_memory);
  }
  void rule_out(std::size_t child, std::string why);
  void set_macro(std::size_t child, std::string_view name, std::string_view value);
  void decided();

 private:
  enum class Phase : unsigned char {
    idle,         // the MTA's next event is due
    connecting,   // the children are
    catching_up,  // those that were connected to again are told the connection
    deciding,     // the conditions are asked
    telling,      // the children answer an event
    ending,       // they answer the end of the message, and those that waited are told it
    handing_up,   // the MTA is told the edits
    closed,
  };

  /// What may wait for a peer before it is told more.
  static constexpr std::size_t kUnsent = std::size_t{128} << 10;

  bool many_changes() const;
  bool step();
  bool take_event();
  bool begin_event();
  void connect_all();
  Offer offer_to(const MultiplexedChild& child) const;
  void leave_late_ones();
  bool all_connected();
  bool connect_again();
  bool catch_up();
  void tell_event();
  void tell(MultiplexedChild& child);
  bool all_answered() const;

  // The envelope.
  void answer_envelope();
  void answer_alone();
  // The content.
  void plan();
  bool blocks(const MultiplexedChild& earlier, std::size_t later) const;
  bool blocked(std::size_t child) const;
  void keep_header(const std::string& text);
  void keep_body(std::string_view octets);
  void answer_content();
  bool step_end();
  bool tell_kept(std::size_t number);
  void tell_next_part(MultiplexedChild& child, Replay& replay);
  void begin_replay(std::size_t number, Replay& replay);
  struct Outcome {
    bool known = true;      ///< all acting children are through, or one refuses
    bool looked_on = true;  ///< those in evaluation mode are through too
    VerdictMerge refusal;
  };
  Outcome outcome() const;
  bool passed(std::size_t child) const;
  bool all_accept() const;
  std::optional<BodyStore::Extent> body_before(std::size_t child) const;
  void tell_progress();
  bool step_hand_up();
  bool hand_up_next();
  bool hand_up(MultiplexedChild& child, const Edit& edit);

  /// Tells the MTA, now or with the next answer that it waits for.
  void answer(Strength strength, const ClientSession::Verdict& verdict);
  /// The message is over for the children.
  void settle(MultiplexerReport::End end, Strength strength, const ClientSession::Verdict& verdict,
              std::optional<std::size_t> child);
  /// ... and the MTA is told so.
  void conclude(Strength strength, const ClientSession::Verdict& verdict, std::optional<std::size_t> child);
  void give_up(std::string why);
  void end(std::string reason, MultiplexerReport::End message);
  void report_connection();
  NeedOctets need_octets() const;

  const Settings& settings_;
  FilterSession::Settings parent_settings_;
  FilterSession parent_;
  std::string from_parent_;
  BodyStore bodies_;
  std::vector<std::unique_ptr<MultiplexedChild>> children_;
  std::deque<Event> events_;
  Moment now_;
  Phase phase_ = Phase::idle;
  std::string reason_;
  std::optional<std::string> lost_;

  // The event at hand.
  FilterSession::Event said_;
  Command command_ = Command::negotiate;
  std::string header_;
  std::vector<char> told_;  // which children

  // The connection.
  Offer mta_;            // its offer
  bool agreed_ = false;  // with it
  std::optional<FilterSession::Connect> client_;
  std::optional<FilterSession::Helo> greeting_;
  std::vector<std::size_t> again_;  // children that were connected to again, and are to be told of it
  Command next_of_again_ = Command::connect;
  VerdictMerge connection_verdict_;
  Command connection_verdict_at_ = Command::connect;

  // The message.
  bool in_message_ = false, planned_ = false, keeps_headers_ = false, keeps_body_ = false;
  struct Settled {
    Strength strength;
    ClientSession::Verdict verdict;
  };
  std::optional<Settled> settled_;  // the MTA may not have heard it yet
  std::optional<Edit> quarantine_;  // of a message that all have accepted before its end
  HeaderList headers_;
  std::size_t header_octets_ = 0;
  std::uint64_t first_body_ = 0;  // octets of the body that the MTA gave
  std::string trouble_;           // what can't be kept
  Moment progress_due_;
  struct HandUp {
    std::size_t child = 0, edit = 0, unsent = 0;
    std::optional<BodyStore::Extent> body;
    std::uint64_t body_told = 0;
    bool body_begun = false;
  } hand_up_;
};

}  // namespace hikyaku::milter
