#include "serve/multiplexer_session.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <utility>

#include "base/escape.h"
#include "serve/milter_connection.h"
#include "serve/read_room.h"

namespace hikyaku::serve {

namespace asio = boost::asio;

namespace {

constexpr auto kQuiet = asio::as_tuple(asio::use_awaitable);
constexpr std::chrono::seconds kFarewell{10};   // for the MTA to take the last of our answer
constexpr std::chrono::seconds kSilence{7210};  // of the MTA, until it is taken for gone: as libmilter has it
constexpr std::size_t kAhead = 65536;           // octets that the MTA may send before they are wanted

}  // namespace

MultiplexerSession::MultiplexerSession(MultiplexerServices& services,
                                       std::shared_ptr<const MultiplexerConfiguration> configuration,
                                       asio::io_context& context, io::DeadlineSweep& sweep, io::Stream parent,
                                       std::uint64_t number)
    : services_(services),
      configuration_(std::move(configuration)),
      context_(context),
      sweep_(sweep),
      spool_(services.spool_folder),
      core_(configuration_->core, spool_),
      conditions_(*configuration_, services),
      journal_(*configuration_, services, number, Clock::now()),
      parent_(std::make_shared<Peer>(std::move(parent))),
      filters_(configuration_->children.size()),
      wake_(context),
      gate_(context, Clock::time_point::max()) {
  for (std::size_t i = 0; i < filters_.size(); ++i)
    for (const auto command : configuration_->children[i].health->decides_early())
      core_.tell_one_by_one(i, command);
  if (services.record_folder.empty() || number > MultiplexerServices::kMostRecordings) return;
  recorder_.emplace(services, services.record_folder + "/" + file_name_text(services.clock.now()) + "-" +
                                  std::to_string(number) + ".jsonl");
}

MultiplexerSession::~MultiplexerSession() {
  for (auto& filter : filters_) leave(filter);
}

void MultiplexerSession::start(std::function<void()> ended) {
  ended_ = std::move(ended);
  spawn(read_from(kParent, parent_));
  step();
}

void MultiplexerSession::stop() {
  stopping_ = true;
  if (busy_ || over_ || core_.parent().in_message()) return;
  core_.parent_lost("the multiplexer ends");
  step();
}

/// Everything that a coroutine of ours needs lives as long as it does.
void MultiplexerSession::spawn(asio::awaitable<void> work) {
  asio::co_spawn(context_, std::move(work), [self = shared_from_this()](std::exception_ptr error) {
    if (!error) return;
    try {
      std::rethrow_exception(error);
    } catch (const std::exception& failure) {
      self->services_.log.error("session",
                                std::string("a session ended by an exception: ") + escaped(failure.what()));
    }
    if (!self->over_) self->end("a failure inside");
  });
}

void MultiplexerSession::step() {
  while (!busy_ && !over_) {
    journal_.notice(core_.parent());
    if (core_.spooled()) {
      busy_ = true;
      return spawn(next_on_pool());
    }
    if (!handle(core_.next(Clock::now()))) return;
  }
}

/// Reads and writes of the spool may wait for a disk.
asio::awaitable<void> MultiplexerSession::next_on_pool() {
  auto work = [this] { return core_.next(Clock::now()); };
  auto event = co_await services_.spooling.run(std::move(work));
  busy_ = false;
  if (over_) co_return;
  const bool more = handle(std::move(event));
  if (!busy_) gate_.cancel();
  if (more) step();
}

bool MultiplexerSession::handle(milter::Multiplexer::Event event) {
  using Core = milter::Multiplexer;
  if (const auto* need = std::get_if<Core::NeedOctets>(&event)) return wait(*need);
  if (const auto* connecting = std::get_if<Core::Connect>(&event)) return connect(connecting->child);
  if (const auto* leaving = std::get_if<Core::Disconnect>(&event)) {
    disconnect(leaving->child, leaving->farewell);
    return true;
  }
  if (const auto* decision = std::get_if<Core::Decide>(&event)) return decide(*decision);
  if (const auto* told = std::get_if<milter::MultiplexerReport>(&event)) {
    report(*told);
    return true;
  }
  end(std::get<Core::End>(event).reason);
  return false;
}

const MultiplexerSession::PeerPointer& MultiplexerSession::peer_of(std::size_t number) const {
  return number == kParent ? parent_ : filters_[number].peer;
}

void MultiplexerSession::lost(std::size_t number, std::string_view what) {
  if (number == kParent) return core_.parent_lost(what);
  core_.child_lost(number, what);
}

bool MultiplexerSession::flush(std::size_t number) {
  const auto& peer = peer_of(number);
  if (!peer || peer->writing) return true;
  while (number == kParent ? core_.has_parent_output() : core_.has_output(number)) {
    auto output = number == kParent ? core_.take_parent_output() : core_.take_output(number);
    if (recorder_ && number == kParent) recorder_->said(output, Clock::now());
    if (number != kParent) peer->head_start.apply(output, core_.expects_more(number));
    const auto written = peer->stream.write_now(output);
    if (!written) {
      lost(number, written.error().text);
      return false;
    }
    if (*written == output.size()) {
      wrote_ = true;
      continue;
    }
    output.erase(0, *written);
    peer->sending = std::move(output);
    peer->writing = true;
    spawn(write_to(number, peer));
    return true;
  }
  return true;
}

bool MultiplexerSession::wait(const milter::Multiplexer::NeedOctets& need) {
  wrote_ = false;
  bool all_there = flush(kParent);
  for (std::size_t i = 0; i < filters_.size(); ++i) all_there = flush(i) && all_there;
  if (!all_there || (need.room && wrote_)) return true;
  if (parent_gone_ && (need.parent || core_.parent_backlog() == 0)) {
    core_.parent_lost(*std::exchange(parent_gone_, std::nullopt));
    return true;
  }
  if (stopping_ && !core_.parent().in_message()) {
    core_.parent_lost("the multiplexer ends");
    return true;
  }
  if (need.parent && !std::exchange(want_parent_, true)) gate_.cancel();
  if (!need.parent) want_parent_ = false;
  // A timer that is due earlier only looks, and is set anew then.
  if (!need.wake_at || wake_at_ <= *need.wake_at) return false;
  wake_at_ = *need.wake_at;
  wake_.expires_at(wake_at_);
  wake_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
    if (error) return;
    self->wake_at_ = Clock::time_point::max();
    self->step();
  });
  return false;
}

asio::awaitable<void> MultiplexerSession::until_free() {
  while (busy_ && !over_) co_await gate_.async_wait(kQuiet);
}

asio::awaitable<void> MultiplexerSession::read_from(std::size_t number, PeerPointer peer) {
  const auto room = read_room();
  for (;;) {
    // What it says too early waits; that it is gone is seen all the same.
    const auto waits = [this] { return busy_ || (!want_parent_ && core_.parent_backlog() > kAhead); };
    while (number == kParent && !over_ && waits()) co_await gate_.async_wait(kQuiet);
    if (over_) co_return;
    if (number == kParent) peer->stream.set_deadline(kSilence, "the MTA");
    auto got = co_await peer->stream.read_some(room);
    // What came meanwhile for a connection that was given up is nobody's.
    if (over_ || peer_of(number) != peer) co_return;
    const bool ended = !got || *got == 0;
    std::string kept;
    std::string_view octets(room.data(), ended ? 0 : *got);
    if (busy_) {
      kept = octets;
      octets = kept;
      co_await until_free();
      if (over_ || peer_of(number) != peer) co_return;
    }
    if (ended && number == kParent) {
      parent_gone_ = got ? std::string("the connection was closed") : got.error().text;
      step();
      co_return;
    }
    if (ended) {
      lost(number, got ? std::string("the connection was closed") : got.error().text);
      step();
      co_return;
    }
    if (number == kParent) {
      want_parent_ = false;
      if (recorder_) recorder_->heard_mta(octets, Clock::now());
      core_.feed_parent(octets);
    } else {
      core_.feed_child(number, octets);
    }
    step();
  }
}

asio::awaitable<void> MultiplexerSession::write_to(std::size_t number, PeerPointer peer) {
  const auto written = co_await peer->stream.write_all(peer->sending);
  peer->writing = false;
  if (over_ || peer_of(number) != peer) co_return;
  co_await until_free();
  if (over_ || peer_of(number) != peer) co_return;
  if (!written) lost(number, written.error().text);
  step();
}

bool MultiplexerSession::connect(std::size_t child) {
  auto& filter = filters_[child];
  auto& health = *configuration_->children[child].health;
  const auto place = health.enter(Clock::now());
  if (!place) {
    core_.connection_failed(child, place.error() == milter::Admission::Refusal::budget
                                       ? "not tried: it has as many connections as it may"
                                       : "not tried: it failed too often lately");
    return true;
  }
  filter.entered = true;
  spawn(connect_to(child, *place, ++filter.attempt));
  return true;
}

asio::awaitable<void> MultiplexerSession::connect_to(std::size_t child, milter::Admission::Place place,
                                                     std::uint64_t attempt) {
  const auto& [settings, health, process, uses] = configuration_->children[child];
  const auto deadline = Clock::now() + *settings->connection_timeout;
  const auto limit = std::max(std::chrono::ceil<std::chrono::seconds>(*settings->connection_timeout),
                              std::chrono::seconds{1});
  std::string failures;
  for (;;) {
    const auto& endpoint = health->addresses()[place.address];
    auto stream = co_await connect_to_milter(endpoint, sweep_, limit);
    const auto current = [this, child, attempt] { return !over_ && filters_[child].attempt == attempt; };
    // Its command listens where the filter is said to be.
    if (!stream && stream.error().fault == Fault::not_found && process && place.address == 0) {
      std::function<bool()> wanted = current;
      auto refused = std::move(stream.error());
      stream = co_await connect_to_started(*process, endpoint, sweep_, deadline, std::move(refused),
                                           std::move(wanted));
    }
    if (stream) {
      co_await until_free();
      if (!current()) {
        health->succeeded(place, Clock::now());
        co_return;
      }
      filters_[child].place = place;
      filters_[child].peer = std::make_shared<Peer>(*std::move(stream));
      core_.connected(child);
      spawn(read_from(child, filters_[child].peer));
      break;
    }
    failures += (failures.empty() ? "" : "; ") + endpoint.text() + ": " + stream.error().text;
    const auto next = health->next(place, Clock::now());
    if (next && current()) {
      place = *next;
      continue;
    }
    // A probe that is not made for us any more is another session's to make: it comes back by its time.
    co_await until_free();
    if (!current()) co_return;
    leave(filters_[child]);
    core_.connection_failed(child, "connect to " + failures);
    break;
  }
  step();
}

void MultiplexerSession::leave(Filter& filter) {
  if (!std::exchange(filter.entered, false)) return;
  configuration_->children[static_cast<std::size_t>(&filter - filters_.data())].health->left();
}

void MultiplexerSession::disconnect(std::size_t child, const std::string& farewell) {
  auto& filter = filters_[child];
  ++filter.attempt;
  leave(filter);
  if (const auto peer = std::exchange(filter.peer, nullptr)) {
    if (!peer->writing && !farewell.empty()) {
      // What does not go at once is not worth waiting for: the connection ends all the same.
      auto last = farewell;
      peer->head_start.apply(last, false);
      static_cast<void>(peer->stream.write_now(last));
    }
    peer->stream.abort();
  }
}

bool MultiplexerSession::decide(const milter::Multiplexer::Decide& decision) {
  switch (conditions_.begin(decision, core_)) {
    case MultiplexerConditions::Need::waiting:
      busy_ = true;
      spawn(decide_later());
      return false;
    case MultiplexerConditions::Need::now:
      conditions_.decide(core_);
      break;
    case MultiplexerConditions::Need::nothing:
      break;
  }
  core_.decided();
  return true;
}

asio::awaitable<void> MultiplexerSession::decide_later() {
  co_await conditions_.decide_waiting(core_);
  busy_ = false;
  if (over_) co_return;
  core_.decided();
  gate_.cancel();
  step();
}

void MultiplexerSession::report(const milter::MultiplexerReport& report) {
  using State = milter::ChildReport::State;
  const auto now = Clock::now();
  for (std::size_t i = 0; i < report.children.size(); ++i) {
    auto& place = filters_[i].place;
    if (!place) continue;
    const auto state = report.children[i].state;
    auto& health = *configuration_->children[i].health;
    if (state == State::took_part) health.succeeded(*place, now);
    if (state == State::failed) health.failed(*place, now);
    if (state != State::took_part && state != State::failed) continue;
    // A later message on the same connection is no probe any more; a failure ended the connection.
    place->leave = milter::CircuitBreaker::Leave::granted;
    if (state == State::failed) place.reset();
  }
  journal_.report(report, now);
  if (report.of == milter::MultiplexerReport::Of::message) conditions_.end_of_message();
}

void MultiplexerSession::end(const std::string& reason) {
  over_ = true;
  for (std::size_t i = 0; i < filters_.size(); ++i) disconnect(i, {});
  if (!busy_) static_cast<void>(flush(kParent));
  wake_.cancel();
  gate_.cancel();
  ++services_.ended;
  journal_.end(reason);
  if (recorder_) recorder_->finish();
  spawn(finish());
}

asio::awaitable<void> MultiplexerSession::finish() {
  // A write that is under way is the last of our answer.
  parent_->stream.set_deadline(kFarewell, "the MTA");
  while (parent_->writing) {
    asio::steady_timer moment(context_, std::chrono::milliseconds{20});
    co_await moment.async_wait(kQuiet);
  }
  parent_->stream.abort();
  if (ended_) ended_();
}

}  // namespace hikyaku::serve
