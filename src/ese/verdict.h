#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "ese/checkpoint.h"
#include "ese/database_header.h"
#include "ese/log_chain.h"

namespace hikyaku::ese {

/// What is known of the logs beside a database.
struct LogEvidence {
  std::string base;                              ///< as "E00"
  std::vector<LogReport> logs;                   ///< of check_logs()
  std::optional<Result<Checkpoint>> checkpoint;  ///< nothing: there is no BASE.chk
};

/// Whether a database will mount, what it needs for that, and what may be moved away.
struct Verdict {
  enum class Outcome : std::uint8_t {
    mounts,            ///< clean: no log is needed
    mounts_replaying,  ///< dirty, and all that it needs is there: the logs must stay
    mounts_with_loss,  ///< dirty, required logs are there, some of those behind them are not
    needs_logs,        ///< dirty, and the logs were not looked at
    blocked,           ///< dirty, and a required log is missing or bad
    other,             ///< in a state that a mount does not end
  };
  struct Problem {
    int error = 0;     ///< of JET, see known_error()
    std::string file;  ///< as stored; escape it
    std::string text;  ///< what is wrong, and since it may be told of a range, of which generations
  };

  Outcome outcome = Outcome::other;
  std::string headline;      ///< the plain answer, one or two sentences
  GenerationRange required;  ///< see DatabaseHeader
  GenerationRange committed;
  std::vector<Problem> problems;     ///< what stands in the way, gravest first
  std::vector<std::string> advice;   ///< what to do, in order
  std::vector<std::string> movable;  ///< names of log files that this database does not need; escape them

  /// Decides about the database of `header`; without `logs` from the header alone. Pure.
  static Verdict decide(const DatabaseHeader& header, const LogEvidence* logs);
};
/// "mounts", "needs_logs", ...: stable names for programs.
std::string_view text(Verdict::Outcome outcome);

}  // namespace hikyaku::ese
