#include "milter/statistics_lines.h"

#include <cstdio>

#include "base/escape.h"

namespace hikyaku::milter::statistics {
namespace {

/// Seconds, as "%g" has them.
std::string seconds(std::chrono::microseconds elapsed) {
  char text[40];
  std::snprintf(text, sizeof text, "%g", static_cast<double>(elapsed.count()) / 1e6);
  return text;
}

std::string number(std::uint64_t session) { return "(" + std::to_string(session) + ")"; }

std::string end(std::string_view what, std::string_view state, Status status,
                std::chrono::microseconds elapsed, std::uint64_t session) {
  return "[statistics] [" + std::string(what) + "][end][" + std::string(state) + "][" +
         std::string(text(status)) + "][" + seconds(elapsed) + "]" + number(session);
}

/// On one line.
std::string unfolded(std::string_view value) {
  std::string out;
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (value[i] != '\r' && value[i] != '\n') {
      out += value[i];
      continue;
    }
    while (i + 1 < value.size() && (value[i + 1] == ' ' || value[i + 1] == '\t' || value[i + 1] == '\n')) ++i;
    if (!out.empty()) out += ' ';
  }
  return escaped(out);
}

std::string added(std::string_view what, std::uint64_t session, std::string_view name,
                  std::string_view value) {
  return "[statistics] [" + std::string(what) + "][header][add]" + number(session) + ": <" +
         escaped(name, 200) + ">=<" + unfolded(value) + ">";
}

}  // namespace

std::string_view text(Status status) {
  switch (status) {
    case Status::pass:
      return "pass";
    case Status::accept:
      return "accept";
    case Status::reject:
      return "reject";
    case Status::discard:
      return "discard";
    case Status::temporary_failure:
      return "temporary-failure";
    case Status::quarantine:
      return "quarantine";
    case Status::abort:
      return "abort";
    case Status::error:
      return "error";
    case Status::stop:
      break;
  }
  return "stop";
}

std::string filter_end(std::string_view state, Status status, std::chrono::microseconds elapsed,
                       std::uint64_t session, std::string_view filter) {
  return end("milter", state, status, elapsed, session) + ": " + escaped(filter, 200);
}

std::string session_end(std::string_view state, Status status, std::chrono::microseconds elapsed,
                        std::uint64_t session) {
  return end("session", state, status, elapsed, session);
}

std::string session_disconnected(std::chrono::microseconds elapsed, std::uint64_t session) {
  return "[statistics] [session][disconnected][" + seconds(elapsed) + "]" + number(session);
}

std::string sessions_finished(std::uint64_t all, std::uint64_t now, std::uint64_t going_on) {
  return "[statistics] [sessions][finished] " + std::to_string(all) + "(+" + std::to_string(now) + ") " +
         std::to_string(going_on);
}

std::string filter_added_header(std::uint64_t session, std::string_view name, std::string_view value,
                                std::string_view filter) {
  return added("milter", session, name, value) + ": " + escaped(filter, 200);
}

std::string session_added_header(std::uint64_t session, std::string_view name, std::string_view value) {
  return added("session", session, name, value);
}

}  // namespace hikyaku::milter::statistics
