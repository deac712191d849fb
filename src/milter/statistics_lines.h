#pragma once
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace hikyaku::milter::statistics {

// The lines that milter-manager writes for its log analyzer (milter-manager-log-analyzer), without time, host
// and "milter-manager[pid]: " before them. Names and values are escaped, folds become one blank.

/// How a filter, or all of them together, left a session or a message.
enum class Status : unsigned char {
  pass,  ///< nothing against it until the end
  accept,
  reject,
  discard,
  temporary_failure,
  quarantine,
  abort,  ///< the MTA gave the message or the connection up
  error,  ///< the filter failed
  stop,   ///< a condition has ruled the filter out
};
/// "temporary-failure"
std::string_view text(Status status);

/// `state`: the last event, as "envelope-from" or "end-of-message". `elapsed`: since the session began.
/// `session`: its number.
std::string filter_end(std::string_view state, Status status, std::chrono::microseconds elapsed,
                       std::uint64_t session, std::string_view filter);
std::string session_end(std::string_view state, Status status, std::chrono::microseconds elapsed,
                        std::uint64_t session);
std::string session_disconnected(std::chrono::microseconds elapsed, std::uint64_t session);
/// Sessions since the start, those that ended with this line, and those that go on.
std::string sessions_finished(std::uint64_t all, std::uint64_t now, std::uint64_t going_on);
std::string filter_added_header(std::uint64_t session, std::string_view name, std::string_view value,
                                std::string_view filter);
std::string session_added_header(std::uint64_t session, std::string_view name, std::string_view value);

}  // namespace hikyaku::milter::statistics
