#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "greylist/peer_change.h"
#include "greylist/tuple_list.h"

namespace hikyaku::greylist {

/// The listening end of milter-greylist's MX sync, versions 1 to 3, as version 4.6.4 speaks it: one command a
/// line, one reply each. Pure: no socket, no clock. Not thread-safe.
///
/// Loop: next(); send take_output() after each event; at NeedBytes feed() what arrived, or finish() at the
/// end of the stream; do what a Change says; at Close send what is left and close.
///
/// Replies are milter-greylist's, octet for octet. What differs:
/// - Hosts by name, and addresses in parts ("127.1"), are no addresses here: 107.
/// - A line longer than kLine gets one 103 and is skipped; there its rest is the next command.
/// - del whitens from now on for as long as the owner says; there since the connection began, or until what
///   the last del2 said.
class PeerServer {
 public:
  static constexpr std::size_t kLine = 511;  ///< octets with LF; kOwnPeerLine of ours

  /// How a connection is greeted: anything but a peer is sent away.
  enum class Caller : unsigned char { peer, stranger, nobody_is_a_peer };

  struct NeedBytes {};
  struct Answered {};  ///< a command without an effect
  struct Change {
    PeerChange change;
  };
  struct Gap {};  ///< what the caller could not tell is to be had from its table
  /// The caller asks for our table: answer_table() is due before next().
  struct TableWanted {
    std::string from;  ///< of TuplePage::next; empty: from its beginning
  };
  struct Close {};
  using Event = std::variant<NeedBytes, Answered, Change, Gap, TableWanted, Close>;

  /// Gap and TableWanted are heard of those alone who have proven to be ours (peer_security.h).
  enum class Proof : unsigned char { none, given };

  explicit PeerServer(Caller caller, Proof proof = Proof::none);

  void answer_table(const TuplePage& page);
  void refuse_table() { out_ += "110 Not now\n"; }

  void feed(std::string_view octets);
  void finish() { finished_ = true; }
  [[nodiscard]] Event next();
  [[nodiscard]] std::string take_output() { return std::exchange(out_, {}); }

 private:
  Event command(std::string_view line);
  Event change(PeerChange::Kind kind, std::string_view line);
  Event reply(std::string_view line);

  Event own_command(std::string_view word, std::string_view line);

  const Proof proof_;
  std::string in_, out_;
  std::size_t taken_ = 0;  // of in_
  bool skipping_ = false;  // the rest of a line that is too long
  bool finished_ = false, closed_ = false;
};

}  // namespace hikyaku::greylist
