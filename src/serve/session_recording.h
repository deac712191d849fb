#pragma once
#include <chrono>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "milter/bit_names.h"
#include "milter/negotiation.h"
#include "milter/session_event.h"

namespace hikyaku::serve {

// A milter session in a file: lines of JSON. The first has the version of the format, the time, and what the
// MTA offered; each that follows has an event, the macros at that moment, what was answered, and the
// microseconds that it took. Octets that are no UTF-8 stand as {"base64": "..."}.

inline constexpr int kRecordingVersion = 1;

struct SessionRecording {
  milter::Offer offer;
  std::vector<milter::SessionEvent> events;
  std::vector<nlohmann::json> answers;  ///< one for each event, as answer_json() makes them
};

/// What of a line is: {"verdict": "reply", "reply": {…}, "failure": "…", "edits": [{"edit": "add header",
/// …}]}, fields without a value left out.
nlohmann::json answer_json(const milter::SessionAnswer& answer);
/// "continue", "accept", "reply", "discard", "quarantine", "shutdown".
std::string_view text(milter::ClientSession::Verdict::Kind kind);
nlohmann::json edit_json(const milter::Edit& edit);
/// "4.7.1 try later" as {"code": 450, …}.
nlohmann::json reply_json(const milter::SmtpReply& reply);
/// Version, names of the actions and steps, macros by stage.
nlohmann::json agreement_json(const milter::Agreement& agreement);

/// Lines of a recording, each with its line end.
std::string recording_head(const milter::Offer& offer, Time now);
std::string recording_line(const milter::SessionEvent& event, const milter::SessionAnswer& answer,
                           std::chrono::microseconds took);

struct RecordingLimits {
  std::size_t octets = std::size_t{256} << 20;  ///< of the file
  std::size_t events = 1'000'000;
};
/// Reads a whole recording. Fails with Fault::malformed and the number of the line: no recording, of another
/// version, an event that there is not, a field that is missing or of another type, past a limit. A last line
/// that was cut short, as by the end of the recording program, is malformed too.
Result<SessionRecording> parse_recording(std::string_view text, const RecordingLimits& limits = {});

}  // namespace hikyaku::serve
