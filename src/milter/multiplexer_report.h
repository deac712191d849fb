#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "milter/client_session.h"
#include "milter/edit.h"
#include "milter/protocol.h"

namespace hikyaku::milter {

/// What one child made of a message, or of the connection outside of messages: for statistics, log and
/// ledger. Texts are escaped but for replies and edits.
struct ChildReport {
  enum class State : unsigned char {
    took_part,
    ruled_out,   ///< by a condition: see `why`
    not_needed,  ///< the message was decided, or given up, before it was heard out
    failed,      ///< see `why`: its fallback status counts
    absent,      ///< it failed before, with a fallback that lets all pass
  };
  State state = State::took_part;
  std::string why = {};
  bool evaluated = false;  ///< it had no say: what is told here is what it would have done

  /// An answer other than continue; at most 100 are kept.
  struct Answer {
    Command command;
    ClientSession::Verdict verdict;
    std::string recipient = {};  ///< of RCPT, as the MTA gave it
  };
  std::vector<Answer> answers = {};
  /// Its edits as it asked for them, without the new body.
  std::vector<Edit> edits = {};
  std::optional<std::uint64_t> new_body = {};  ///< its octets
  /// How long it was waited for.
  struct Wait {
    Command command;
    std::uint32_t answers = 0;
    std::chrono::microseconds total{0}, longest{0};
  };
  std::vector<Wait> waits = {};  ///< one for each command; that of the negotiation too
  /// It decided at this event while it was told more: it is not to be told this one ahead (Multiplexer).
  std::optional<Command> early = {};
  std::vector<std::string> notes = {};  ///< worth a line in the log, at most 20
};

/// What came of a message, or of the connection outside of messages.
struct MultiplexerReport {
  enum class Of : unsigned char { connection, message };
  Of of = Of::message;
  enum class End : unsigned char {
    answered,  ///< the MTA has the answer `verdict`
    aborted,   ///< the MTA gave the message up
    lost,      ///< the MTA ended the talk in the middle of it, or it broke
    over,      ///< of a connection
  };
  End end = End::answered;
  ClientSession::Verdict verdict = {};  ///< accept: all children let it pass
  Command at = Command::end_of_message;
  std::optional<std::size_t> decided_by = {};  ///< the child whose verdict it is
  std::vector<ChildReport> children = {};      ///< in list order
};

}  // namespace hikyaku::milter
