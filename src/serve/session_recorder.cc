#include "serve/session_recorder.h"

#include <fstream>
#include <utility>

#include "base/escape.h"
#include "serve/session_recording.h"

namespace hikyaku::serve {

void SessionRecorder::collect() {
  for (const auto& entry : tap_.take()) {
    if (text_.empty() && tap_.offer()) text_ = recording_head(*tap_.offer(), services_.clock.now());
    if (full_) continue;
    text_ += recording_line(entry.event, entry.answer, entry.took);
    full_ = text_.size() > kMost;
  }
}

void SessionRecorder::finish() {
  if (!tap_.trouble().empty())
    services_.log.warning("record", escaped(name_) + " ends early: " + tap_.trouble());
  if (full_) services_.log.warning("record", escaped(name_) + " ends early: it is too large");
  if (text_.empty()) return;
  services_.pool.post([&log = services_.log, name = name_, text = std::exchange(text_, {})] {
    std::ofstream file(name, std::ios::binary | std::ios::trunc);
    file << text;
    file.close();
    if (!file)
      log.error("record",
                "write the recording " + escaped(name) + ": the disk is full, or there is no access to it");
  });
}

}  // namespace hikyaku::serve
