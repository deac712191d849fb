#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "ese/common_fields.h"
#include "ese/random_access.h"

namespace hikyaku::ese {

/// What one log file of a sequence is found to be.
struct LogReport {
  enum class State : std::uint8_t {
    ok,
    torn,             ///< its last sector is, and recovery mends it
    headers_only,     ///< ok as far as is looked: of a format before 8, whose records are not checked
    corrupt,          ///< its header or a sector
    out_of_sequence,  ///< whole, and not the one that follows the log before it, or not what its name says
    foreign,          ///< whole, and of another sequence of logs
    missing,          ///< there is no such file
    unreadable,       ///< the medium gave an error, or it may not be opened
  };
  std::string file;  ///< its name in the folder, as stored; of missing ones what the first would be called
  State state = State::ok;
  std::int64_t generation = 0;       ///< 0: unknown, the header of the current log is damaged
  std::int64_t last_generation = 0;  ///< of a range of missing ones; else the same as generation
  int error = 0;                     ///< the JET error that the engine would give; 0 when fine
  std::uint64_t offset = 0;          ///< in the file, of what is wrong
  std::string reason;                ///< when not ok, for people; holds nothing that needs to be escaped
  bool has_header = false;           ///< the fields below are set
  bool current = false;              ///< BASE.log, the one that is written
  std::uint32_t major = 0, minor = 0, update = 0;
  LogTime created, previous_created;
  Signature signature;
  std::uint64_t previous_segments = 0, accumulated = 0;  ///< see LogHeader and SegmentReport; 0: unknown
  std::uint32_t sectors = 0, corrected_bits = 0;         ///< written ones; single wrong bits in them
  LogPosition end;                                       ///< behind the last of these

  /// Whether it keeps the engine from replaying it.
  bool bad() const { return state >= State::corrupt; }
};
/// "ok", "out_of_sequence", ...: stable names for programs.
std::string_view text(LogReport::State state);

/// The name of a log in a folder: generation 10 of base E00 is E000000000A.log.
std::string log_name(std::string_view base, std::int64_t generation);
/// What `name` says: the generation of BASE + 5 or 8 hexadecimal digits + ".log" or ".jtx", 0 for BASE.log,
/// the current one; nothing for any other, BASEtmp.log among them. Letters of both cases are the same.
std::optional<std::int64_t> generation_of_name(std::string_view base, std::string_view name);

/// Checks all logs of `base` in `folder` in the order of their generations: each one's header, name and
/// sectors, and that each continues the one before (gaps, signature, creation time, XOR of checksums).
/// `checked` is told of each as it is done. Fails only when the folder can't be listed; Fault::not_found when
/// it holds no log of `base`.
Result<std::vector<LogReport>> check_logs(Directory& folder, std::string_view base,
                                          const std::function<void(const LogReport&)>& checked);

}  // namespace hikyaku::ese
