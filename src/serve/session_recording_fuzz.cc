#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "serve/session_recording.h"

// Any octets as a recording: what is taken is written and read back to the same events.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hikyaku;  // NOLINT(google-build-using-namespace)
  const auto read = serve::parse_recording({reinterpret_cast<const char*>(data), size});
  if (!read) return 0;
  auto text = serve::recording_head(read->offer, Time{});
  for (const auto& event : read->events) text += serve::recording_line(event, {}, {});
  const auto again = serve::parse_recording(text);
  if (!again || again->events != read->events || again->offer != read->offer) std::abort();
  return 0;
}
