#pragma once
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "milter/session_event.h"
#include "serve/milter_connection.h"

namespace hikyaku::serve {

/// What came of one event.
struct PlayedEvent {
  std::size_t number = 0;  ///< of the event among those that were to be told
  bool told = false;       ///< the filter wanted to see it
  milter::SessionAnswer answer;
  std::chrono::microseconds took{0};  ///< until its verdict
};

/// What came of a whole connection.
struct PlayedSession {
  enum class End : unsigned char { passed, held, discarded, refused, failed };
  MilterConnection::Verdict negotiation;
  milter::Agreement agreement;                       ///< where the negotiation worked out
  milter::LeadingSpace space{};                      ///< of values in edits
  std::vector<PlayedEvent> events;                   ///< those up to where an MTA would have stopped
  std::vector<std::string> notes;                    ///< as ClientSession has them
  End end = End::passed;                             ///< of the last message, or of the connection
  milter::SmtpReply reply;                           ///< of refused
  std::string failure;                               ///< of failed, escaped
  std::chrono::microseconds connecting{0}, took{0};  ///< up to the end of the negotiation; all
};

/// Tells a filter one SMTP connection, as an MTA would: what follows on a refusal is left out, a recipient
/// that is refused is left out of the message, a message without recipients is given up, and a filter that
/// failed is told no more. `connection` has not been connected yet, and is closed in the end. `events` must
/// outlive the call.
boost::asio::awaitable<PlayedSession> play(const std::vector<milter::SessionEvent>& events,
                                           MilterConnection& connection);

/// Plays it `sessions` times, each on a connection of its own, `at_once` of them at the same time, on an
/// io_context of its own; hands each to `done` as it ends. Blocks until all have ended.
void play_all(const std::vector<milter::SessionEvent>& events, const MilterConnection::Settings& settings,
              std::size_t sessions, std::size_t at_once, const std::function<void(PlayedSession)>& done);

}  // namespace hikyaku::serve
