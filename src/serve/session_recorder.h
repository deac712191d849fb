#pragma once
#include <string>
#include <string_view>

#include "milter/session_tap.h"
#include "serve/multiplexer_services.h"

namespace hikyaku::serve {

/// Writes one session of an MTA into a file that `hikyaku milters test --replay` plays again. Kept in memory
/// until the session is over, up to kMost octets; what comes after that is left out. One thread at a time.
class SessionRecorder {
 public:
  static constexpr std::size_t kMost = std::size_t{16} << 20;
  using Moment = milter::SessionTap::Moment;

  /// `name`: of the file.
  SessionRecorder(MultiplexerServices& services, std::string name)
      : services_(services), name_(std::move(name)) {}

  void heard_mta(std::string_view octets, Moment now) {
    tap_.heard_mta(octets, now);
    collect();
  }
  void said(std::string_view octets, Moment now) {
    tap_.heard_filter(octets, now);
    collect();
  }
  /// The session is over: the file is written, on the pool.
  void finish();

 private:
  void collect();

  MultiplexerServices& services_;
  std::string name_;
  milter::SessionTap tap_;
  std::string text_;
  bool full_ = false;
};

}  // namespace hikyaku::serve
