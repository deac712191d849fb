#include "ese/verdict.h"

#include <algorithm>

#include "base/escape.h"
#include "ese/known_errors.h"

namespace hikyaku::ese {
namespace {

using Outcome = Verdict::Outcome;

std::string range_text(const GenerationRange& range, std::string_view base) {
  const auto names = [&](std::int64_t generation) {
    return base.empty() ? std::string() : ", " + escaped(log_name(base, generation));
  };
  if (range.low == range.high) return "log " + generation_text(range.low) + names(range.low);
  return "logs " + generation_text(range.low) + names(range.low) + " to " + generation_text(range.high) +
         names(range.high);
}

/// Why `log`, one of those that the database needs, can't be replayed into it; 0 when it can.
int error_of(const LogReport& log, const DatabaseHeader& header, const GenerationRange& range) {
  if (log.has_header && !(log.signature == header.log_signature)) return kBadLogSignature;
  // What the first one's relation to the log before it is, does not matter: that one is not replayed.
  const bool by_the_one_before = log.error == kInvalidLogSequence || log.error == kBadLogSignature ||
                                 log.error == kLogSequenceChecksumMismatch;
  if (log.generation == range.low && by_the_one_before) return 0;
  return log.bad() ? log.error : 0;
}

/// What is wrong with the logs of `range`: each bad one, each gap. Never counts through the range, which a
/// damaged header may make very long.
struct RangeProblems {
  std::vector<Verdict::Problem> bad, missing;
};
RangeProblems look_through(const GenerationRange& range, const LogEvidence& evidence,
                           const DatabaseHeader& header, int missing_error) {
  RangeProblems out;
  if (range.empty()) return out;
  std::vector<const LogReport*> present;
  for (const auto& log : evidence.logs) {
    if (log.state != LogReport::State::missing && range.contains(log.generation)) present.push_back(&log);
  }
  std::ranges::sort(present, {}, [](const LogReport* log) { return log->generation; });
  auto next = range.low;
  const auto gap = [&](std::int64_t high) {
    if (next > high) return;
    out.missing.push_back(
        {missing_error, log_name(evidence.base, next),
         range_text({next, high}, evidence.base) + (next == high ? " is" : " are") + " not there"});
  };
  for (const auto* log : present) {
    gap(log->generation - 1);
    next = std::max(next, log->generation + 1);
    const int error = error_of(*log, header, range);
    if (error == 0) continue;
    auto reason = log->reason;
    if (error == kBadLogSignature) {
      reason = "its signature (" + log->signature.text() + ") is not that of this database's logs (" +
               header.log_signature.text() + ")";
    }
    out.bad.push_back({error, log->file, "generation " + generation_text(log->generation) + ": " + reason});
  }
  gap(range.high);
  return out;
}

bool wants_logs(DatabaseState state) {
  return state == DatabaseState::dirty_shutdown || state == DatabaseState::dirty_and_patched ||
         state == DatabaseState::incremental_reseed;
}

class Decision {
 public:
  Decision(const DatabaseHeader& header, const LogEvidence* logs)
      : header_(header), logs_(logs), base_(logs == nullptr ? std::string_view() : logs->base) {
    out_.required = header.required();
    out_.committed = header.committed_beyond_required();
  }

  Verdict run() {
    if (header_.state == DatabaseState::clean_shutdown)
      clean();
    else if (wants_logs(header_.state))
      dirty();
    else
      other();
    if (header_.repairs.count > 0) {
      advise("It was repaired " + std::to_string(header_.repairs.count) +
             " time(s) by eseutil /p, the last " + header_.repairs.last.text() +
             ": what was in damaged pages is gone. Move its mailboxes to a new database.");
    }
    return std::move(out_);
  }

 private:
  void advise(std::string text) { out_.advice.push_back(std::move(text)); }

  void clean() {
    out_.outcome = Outcome::mounts;
    if (logs_ == nullptr) {
      out_.headline =
          "Safe to mount, also after moving its log files away: it was shut down cleanly and needs "
          "none of them.";
    } else {
      movable_before(0);
      bool any_bad = false;
      for (const auto& log : logs_->logs) {
        if (!log.bad()) continue;
        any_bad = true;
        out_.problems.push_back({log.error, log.file, log.reason});
      }
      out_.headline =
          any_bad ? "Safe to mount after moving these log files away: it was shut down cleanly and needs "
                    "none of them, but the bad ones below can stop the mount."
                  : "Safe to mount, also after moving these log files away: it was shut down cleanly and "
                    "needs none of them.";
      look_at_checkpoint();
    }
    advise(
        "Move the logs, do not delete them: backups, copies and other databases that share them may need "
        "them. The checkpoint file (.chk) goes with them.");
    advise("The verdict is about logs. Whether its pages are whole: hikyaku ese pages");
  }

  void dirty() {
    if (header_.state != DatabaseState::dirty_shutdown)
      advise("Its state is \"" + ese::text(header_.state) +
             "\": until its logs are replayed no force will mount it.");
    if (out_.required.empty()) {
      out_.outcome = Outcome::needs_logs;
      out_.headline =
          "It was not shut down cleanly, and its header names no log that it needs. Keep all logs: "
          "recovery finds out.";
      return;
    }
    const auto needs = "Needs " + range_text(out_.required, base_) + ": do not remove " +
                       (out_.required.low == out_.required.high ? "it" : "them") + ".";
    if (logs_ == nullptr) {
      out_.outcome = Outcome::needs_logs;
      out_.headline = needs + " It was not shut down cleanly.";
      out_.problems.push_back({kDirtyShutdown, {}, "what mounting or repairing without these logs ends in"});
      advise("Check the logs: hikyaku ese verdict DATABASE FOLDER BASE, as in /srv/logs E00");
      return;
    }
    with_logs(needs);
  }

  void with_logs(const std::string& needs) {
    auto required = look_through(out_.required, *logs_, header_, kRequiredLogFilesMissing);
    auto committed = look_through(out_.committed, *logs_, header_, kCommittedLogFilesMissing);
    for (auto& problem : committed.bad) {
      problem.text += " (" + std::string(known_error(problem.error).name) + ")";
      problem.error = kCommittedLogFileCorrupt;
    }
    const bool blocked = !required.bad.empty() || !required.missing.empty();
    const bool lossy = !committed.bad.empty() || !committed.missing.empty();
    for (auto* problems : {&required.missing, &required.bad, &committed.missing, &committed.bad})
      std::ranges::move(*problems, std::back_inserter(out_.problems));
    movable_before(out_.required.low);
    look_at_checkpoint();
    if (blocked) {
      out_.outcome = Outcome::blocked;
      out_.headline =
          needs + " Not all of them are there and intact, so it will not mount, not even by force.";
      advise(
          "Find the missing or bad ones: in a backup, in the folder that logs were moved to, on a passive "
          "copy. "
          "Put them back and ask again.");
      advise(
          "Without them: restore the last backup and replay the logs since. Only when there is none, eseutil "
          "/p, which throws away what it can't connect; work on a copy.");
      return;
    }
    if (lossy) {
      out_.outcome = Outcome::mounts_with_loss;
      out_.headline = needs + " They are intact; of those behind them, up to " +
                      generation_text(out_.committed.high) +
                      ", not all are: it mounts only with the loss of what these held.";
      advise("Look for the missing or bad ones first. To go on without them: eseutil /r " + escaped(base_) +
             " /a, or mount it accepting data loss.");
      return;
    }
    out_.outcome = Outcome::mounts_replaying;
    out_.headline = needs + " All are there and intact: mounting it replays them.";
    advise("Mount it, or run eseutil /r " + escaped(base_) +
           " in the folder of the logs. Move nothing away before.");
  }

  void other() {
    out_.outcome = Outcome::other;
    out_.headline = "Its state is \"" + ese::text(header_.state) + "\": it will not mount.";
    if (header_.state == DatabaseState::just_created)
      advise("Its making never ended: it holds nothing, or is the unfinished result of a defragmentation.");
    else
      advise("Keep its logs, and restore it from a backup or a passive copy.");
    if (!out_.required.empty()) advise("It needs " + range_text(out_.required, base_) + ".");
  }

  void movable_before(std::int64_t required_low) {
    for (const auto& log : logs_->logs) {
      const bool there = log.state != LogReport::State::missing;
      // Of the current log nothing is known when its header is damaged: it is left where it is.
      const bool older = required_low == 0 || (log.generation > 0 && log.generation < required_low);
      if (there && older) out_.movable.push_back(log.file);
    }
  }

  void look_at_checkpoint() {
    if (!logs_->checkpoint) return;
    const auto file = logs_->base + ".chk";
    const std::string away = "Move " + escaped(file) + " away: ";
    const std::string then = "without it recovery begins at the oldest log.";
    const auto& checkpoint = *logs_->checkpoint;
    if (!checkpoint) {
      out_.problems.push_back({kCheckpointCorrupt, file, "no copy in it is intact"});
      return advise(away + then);
    }
    if (!header_.log_signature.empty() && !(checkpoint->signature == header_.log_signature)) {
      out_.problems.push_back({kBadCheckpointSignature, file,
                               "its signature (" + checkpoint->signature.text() +
                                   ") is not that of this database's logs (" + header_.log_signature.text() +
                                   ")"});
      return advise(away + then);
    }
    if (out_.required.empty()) return;
    const auto from = checkpoint->position.generation;
    if (from > out_.required.low) {
      advise(away + "it stands at generation " + generation_text(from) + ", behind the first required log; " +
             then);
    } else if (from > 0 && from < out_.required.low && !is_there(from)) {
      advise(away + "it stands at generation " + generation_text(from) + ", which is not there; " + then);
    }
  }

  bool is_there(std::int64_t generation) const {
    return std::ranges::any_of(logs_->logs, [&](const LogReport& log) {
      return log.state != LogReport::State::missing && log.generation == generation;
    });
  }

  const DatabaseHeader& header_;
  const LogEvidence* logs_;
  std::string_view base_;
  Verdict out_;
};

}  // namespace

std::string_view text(Outcome outcome) {
  switch (outcome) {
    case Outcome::mounts:
      return "mounts";
    case Outcome::mounts_replaying:
      return "mounts_replaying";
    case Outcome::mounts_with_loss:
      return "mounts_with_loss";
    case Outcome::needs_logs:
      return "needs_logs";
    case Outcome::blocked:
      return "blocked";
    case Outcome::other:
      return "other";
  }
  return "?";
}

Verdict Verdict::decide(const DatabaseHeader& header, const LogEvidence* logs) {
  return Decision(header, logs).run();
}

}  // namespace hikyaku::ese
