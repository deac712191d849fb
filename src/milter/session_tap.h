#pragma once
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "milter/client_session.h"
#include "milter/filter_session.h"
#include "milter/session_event.h"

namespace hikyaku::milter {

/// Listens to the talk of an MTA with a filter, without a part in it, and tells what was asked and answered.
/// Pure: the time is handed in. Not thread-safe. Keeps what a FilterSession and a ClientSession keep, and the
/// entries that were not taken.
class SessionTap {
 public:
  using Moment = std::chrono::steady_clock::time_point;
  struct Entry {
    SessionEvent event;
    SessionAnswer answer;
    std::chrono::microseconds took{0};
  };

  /// What the MTA, or the filter, said; in the order in which it was said.
  void heard_mta(std::string_view octets, Moment now);
  void heard_filter(std::string_view octets, Moment now);
  /// Events that are answered, each once.
  [[nodiscard]] std::vector<Entry> take() { return std::exchange(entries_, {}); }
  /// Once it was made.
  const std::optional<Offer>& offer() const { return offer_; }
  /// It could not follow any more, or the talk is over. Empty: it goes on, or the MTA said QUIT.
  const std::string& trouble() const { return trouble_; }

 private:
  void follow(Moment now);
  bool take_event(FilterSession::Event event, Moment now);
  void begin(SessionEvent event, Moment now);
  bool hear_answer(Moment now);
  void end(std::string why);

  FilterSession::Settings filter_settings_;
  FilterSession mta_{filter_settings_};  ///< takes the MTA's octets apart
  ClientSession::Settings client_settings_;
  std::optional<ClientSession> filter_;  ///< and the filter's
  std::optional<Offer> offer_;
  bool negotiated_ = false, over_ = false;
  std::optional<Entry> open_;
  std::string_view rest_;  // of a body that is told
  Moment asked_;
  std::vector<Entry> entries_;
  std::string trouble_;
};

}  // namespace hikyaku::milter
