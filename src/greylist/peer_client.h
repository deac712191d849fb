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
  static constexpr std::size_t kLine = 511;   ///< octets of a command with CRLF: what milter-greylist reads

  struct NeedBytes {};
  struct Ready {
    unsigned version = 1;
  };
  struct Acknowledged {};
  /// The last event. What follows on the first reply but "201" is not known to be heard.
  struct Failed {
    Error error;
  };
  using Event = std::variant<NeedBytes, Ready, Acknowledged, Failed>;

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
  /// del2 becomes del for version 1.
  Sent send(const PeerChange& change);

 private:
  enum class Phase : unsigned char { greeting, version, ready, waiting, failed };
  Event reply(std::string_view line);
  Event failed(Fault fault, std::string text);
  void ask_version();

  std::string in_, out_;
  std::optional<Error> error_;
  Phase phase_ = Phase::greeting;
  unsigned version_ = 3;
  bool finished_ = false;
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
