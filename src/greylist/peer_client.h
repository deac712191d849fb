#pragma once
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "base/result.h"
#include "greylist/peer_change.h"

namespace hikyaku::greylist {

/// The calling end of milter-greylist's MX sync, versions 1 to 3: agrees on the newest version that both
/// speak, then tells one change at a time. Pure: no socket, no clock. Not thread-safe.
///
/// Loop: next(); send take_output() when it is not empty; at NeedBytes feed() what arrived, or finish() at
/// the end of the stream. At Ready and at Acknowledged one change may be sent. At Failed close, connect again
/// later, and tell what was not acknowledged again.
class PeerClient {
 public:
  static constexpr std::size_t kReply = 512;  ///< octets of one reply, with LF
  static constexpr std::size_t kRow = 4096;   ///< the same, of a page
  static constexpr std::size_t kPage = 1000;  ///< rows of a page
  static constexpr std::size_t kLine = 511;   ///< octets of a command with CRLF: what milter-greylist reads

  struct NeedBytes {};
  struct Ready {
    unsigned version = 1;
  };
  struct Acknowledged {};
  /// What ask_table() asked for: an entry, and the end of the page.
  struct Row {
    TupleEntry entry;
  };
  struct PageEnd {
    std::string next;  ///< for ask_table(); empty: that was all
  };
  /// The last event. What follows on the first reply but "201" is not known to be heard.
  struct Failed {
    Error error;
  };
  using Event = std::variant<NeedBytes, Ready, Acknowledged, Row, PageEnd, Failed>;

  void feed(std::string_view octets);
  void finish() { finished_ = true; }
  [[nodiscard]] Event next();
  [[nodiscard]] std::string take_output() { return std::exchange(out_, {}); }

  enum class Sent : unsigned char {
    sent,
    busy,         ///< not Ready yet, or the last one is not acknowledged, or it has failed
    not_spoken,   ///< flush before version 3: leave it out
    unspeakable,  ///< too long for milter-greylist, or with a blank in it: leave it out
  };
  /// Of a peer that has proven to be one of ours (peer_security.h): it is told pools too.
  void is_ours() { ours_ = true; }
  /// del2 becomes del for version 1.
  Sent send(const PeerChange& change);

  // To one of ours alone (peer_security.h), instead of a change; milter-greylist does not know them.
  /// Not all that was to be told could be: the peer does well to ask for the table. Acknowledged.
  Sent send_gap();
  /// Asks for what the peer remembers, from `from` on: a PageEnd::next, or nothing for the first page. Rows
  /// and then PageEnd are the answer.
  Sent ask_table(std::string_view from);

 private:
  enum class Phase : unsigned char { greeting, version, ready, waiting, page, failed };
  Event reply(std::string_view line);
  Event page_reply(unsigned code, std::string_view line);
  Event failed(Fault fault, std::string text);
  void ask_version();
  Sent say(std::string_view line, Phase then);

  std::string in_, out_;
  std::optional<Error> error_;
  Phase phase_ = Phase::greeting;
  unsigned version_ = 3;
  std::size_t rows_ = 0;  // of this page
  bool finished_ = false, ours_ = false;
};

/// The changes that one peer is still to be told, in their order; milter-greylist tells the newest first. Not
/// thread-safe.
class PeerQueue {
 public:
  /// `most` is syncmaxqlen.
  explicit PeerQueue(std::size_t most = 1024) : most_(most) {}
  /// False, and the change is discarded, where as many are waiting as may.
  bool push(PeerChange change);
  /// nullptr: none waits.
  const PeerChange* front() const { return changes_.empty() ? nullptr : &changes_.front(); }
  void pop() { changes_.pop_front(); }
  std::size_t size() const { return changes_.size(); }
  std::uint64_t discarded() const { return discarded_; }

 private:
  std::deque<PeerChange> changes_;
  std::size_t most_;
  std::uint64_t discarded_ = 0;
};

}  // namespace hikyaku::greylist
