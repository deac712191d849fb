#include "serve/session_player.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <utility>

#include "io/deadline.h"

namespace hikyaku::serve {

namespace asio = boost::asio;

namespace {

using milter::Command;
using Clock = std::chrono::steady_clock;
using End = PlayedSession::End;
using Kind = MilterConnection::Verdict::Kind;

std::chrono::microseconds since(Clock::time_point begin) {
  return std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begin);
}

class Player {
 public:
  Player(const std::vector<milter::SessionEvent>& events, MilterConnection& connection)
      : events_(events), connection_(connection) {}

  asio::awaitable<PlayedSession> run() {
    const auto begin = Clock::now();
    played_.negotiation = co_await connection_.connect();
    played_.connecting = since(begin);
    if (!connection_.session().broken()) {
      played_.agreement = connection_.session().agreement();
      played_.space = connection_.session().leading_space();
    } else {
      fail(played_.negotiation);
    }
    for (std::size_t number = 0; number < events_.size() && !over_; ++number) {
      if (given_up_ && events_[number].command != Command::mail) continue;
      co_await play(number);
    }
    co_await connection_.close();
    played_.notes = connection_.session().notes();
    played_.took = since(begin);
    co_return std::move(played_);
  }

 private:
  asio::awaitable<void> play(std::size_t number) {
    const auto& event = events_[number];
    auto& session = connection_.session();
    if (event.command == Command::abort) {
      session.abort();
      co_return;
    }
    if (event.command == Command::data && recipients_ == 0) {
      played_.end = End::refused;
      give_up();
      co_return;
    }
    const auto begin = Clock::now();
    PlayedEvent played;
    played.number = number;
    played.told = session.wants(event.command);
    if (event.command == Command::mail) begin_message();
    std::string_view rest = event.text;
    do {
      milter::tell(session, event, rest);
      for (;;) {
        auto answer = co_await connection_.next();
        if (auto* edit = std::get_if<milter::Edit>(&answer)) {
          milter::keep(std::move(*edit), played.answer.edits);
          continue;
        }
        played.answer.verdict = std::move(std::get<MilterConnection::Verdict>(answer));
        break;
      }
    } while (event.command == Command::body && !rest.empty() && played.answer.verdict.kind == Kind::go_on);
    played.took = since(begin);
    judge(event, played.answer);
    played_.events.push_back(std::move(played));
  }

  void begin_message() {
    given_up_ = false;
    recipients_ = 0;
    played_.end = End::passed;
  }

  void judge(const milter::SessionEvent& event, const milter::SessionAnswer& answer) {
    const auto& verdict = answer.verdict;
    if (!verdict.failure.empty()) return fail(verdict);
    if (std::ranges::any_of(answer.edits, [](const milter::Edit& edit) {
          return std::holds_alternative<milter::Quarantine>(edit);
        }))
      played_.end = End::held;
    const bool connection = event.command == Command::connect || event.command == Command::helo;
    switch (verdict.kind) {
      case Kind::go_on:
      case Kind::accept:
        if (event.command == Command::rcpt && !event.rejected) ++recipients_;
        return;
      case Kind::quarantine:
        played_.end = End::held;
        return;
      case Kind::discard:
        played_.end = End::discarded;
        return give_up();
      case Kind::shutdown:
        over_ = true;
        break;
      case Kind::reply:
        if (connection) over_ = true;
        break;
    }
    played_.reply = verdict.reply;
    // One recipient's refusal is that recipient's alone, unless none is left at DATA.
    const bool alone = event.command == Command::rcpt || event.command == Command::unknown;
    if (alone && !over_) return;
    played_.end = End::refused;
    if (!over_) give_up();
  }

  void give_up() {
    given_up_ = true;
    connection_.session().abort();
  }

  void fail(const MilterConnection::Verdict& verdict) {
    over_ = true;
    played_.end = End::failed;
    played_.failure = verdict.failure;
  }

  const std::vector<milter::SessionEvent>& events_;
  MilterConnection& connection_;
  PlayedSession played_;
  std::size_t recipients_ = 0;
  bool given_up_ = false, over_ = false;
};

}  // namespace

asio::awaitable<PlayedSession> play(const std::vector<milter::SessionEvent>& events,
                                    MilterConnection& connection) {
  Player player(events, connection);
  auto played = co_await player.run();
  co_return played;
}

void play_all(const std::vector<milter::SessionEvent>& events, const MilterConnection::Settings& settings,
              std::size_t sessions, std::size_t at_once, const std::function<void(PlayedSession)>& done) {
  asio::io_context context{1};
  io::DeadlineSweep sweep(context);
  sweep.start();
  std::size_t begun = 0, running = 0;
  const auto worker = [&]() -> asio::awaitable<void> {
    while (begun < sessions) {
      ++begun;
      MilterConnection connection(settings, sweep);
      auto played = co_await play(events, connection);
      done(std::move(played));
    }
  };
  for (std::size_t i = 0; i < std::min(sessions, at_once); ++i) {
    ++running;
    asio::co_spawn(context, worker(), [&](std::exception_ptr error) {
      if (--running == 0) sweep.stop();
      if (error) std::rethrow_exception(error);
    });
  }
  context.run();
}

}  // namespace hikyaku::serve
