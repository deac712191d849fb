#include "serve/filter_process.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <mutex>
#include <optional>
#include <utility>

#include "base/escape.h"
#include "serve/milter_connection.h"

namespace hikyaku::serve {

namespace asio = boost::asio;

namespace {

constexpr auto kQuiet = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kLine = 1000;  // octets of a line of output, the rest is another
constexpr std::chrono::milliseconds kLongestPause{300'000};
constexpr std::chrono::milliseconds kEndIn{10'000};  // between SIGTERM and SIGKILL
constexpr std::chrono::seconds kIntoBackground{10};  // for the socket, once the command has ended with 0
constexpr std::chrono::milliseconds kFirstLook{5}, kLastLook{250};  // for the socket

std::string seconds_text(std::chrono::steady_clock::duration time) {
  return std::to_string(std::chrono::ceil<std::chrono::seconds>(time).count()) + " s";
}

/// One who crashed could not remove its socket, and many filters do not take the place of one that is there.
void remove_if_nobody_listens(const std::string& path) {
  sockaddr_un address{};
  struct stat status {};
  if (path.empty() || path.size() >= sizeof address.sun_path || ::lstat(path.c_str(), &status) != 0 ||
      !S_ISSOCK(status.st_mode))
    return;
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (probe < 0) return;
  if (::connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
      errno == ECONNREFUSED)
    ::unlink(path.c_str());
  ::close(probe);
}

}  // namespace

class FilterProcess::State : public std::enable_shared_from_this<State> {
 public:
  State(FilterCommand command, asio::io_context& main, io::Log& log)
      : command_(std::move(command)), main_(main), log_(log), pause_(command_.pause) {}

  Result<void> want(Moment now) {
    const std::lock_guard lock(mutex_);
    if (ending_) return fail(Fault::temporary, "it is not started any more");
    if (phase_ == Phase::starting || phase_ == Phase::running) return {};
    if (phase_ == Phase::in_background && now < in_background_until_) return {};
    if (now < next_start_)
      return fail(Fault::temporary, failure_ + ", and is not started again before " +
                                        seconds_text(next_start_ - now) + " have passed");
    // One in the background ended at once, however long its filter ran.
    if (now - started_ >= 2 * kLongestPause) pause_ = command_.pause;
    phase_ = Phase::starting;
    started_ = now;
    next_start_ = now + pause_;
    asio::post(main_, [self = shared_from_this()] { self->start(); });
    return {};
  }

  Counts counts() const {
    const std::lock_guard lock(mutex_);
    return counts_;
  }

  void end_soon() {
    asio::post(main_, [self = shared_from_this()] { self->end(kEndIn); });
  }

  // On the main thread from here on.

  void end(std::chrono::milliseconds limit) {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    if (number_ == 0) return;
    ::kill(-number_, SIGTERM);
    kill_at_.emplace(main_, limit);
    kill_at_->async_wait([self = shared_from_this()](const boost::system::error_code& error) {
      if (!error && self->number_ != 0) ::kill(-self->number_, SIGKILL);
    });
  }
  bool running() const { return number_ != 0; }

 private:
  enum class Phase : unsigned char { stopped, starting, running, in_background };
  using Descriptor = asio::posix::stream_descriptor;

  std::string shown() const { return escaped(command_.filter, 100); }

  void start() {
    auto ended_before = [this] {
      const std::lock_guard lock(mutex_);
      if (ending_) phase_ = Phase::stopped;
      return ending_;
    };
    if (ended_before()) return;
    const auto process = io::start_in_background(command_.command);
    {
      const std::lock_guard lock(mutex_);
      ++counts_.starts;
      if (process) phase_ = Phase::running;
    }
    if (!process) return stopped(Phase::stopped, "it could not be started: " + process.error().text);
    number_ = process->number;
    log_.info("manager", shown() + " started: process " + std::to_string(number_));
    asio::co_spawn(main_, watch(shared_from_this(), process->process), asio::detached);
    asio::co_spawn(main_, tell_output(shared_from_this(), process->output, number_), asio::detached);
  }

  /// How it went is `what`: for the log, and for who asks next.
  void stopped(Phase phase, const std::string& what) {
    {
      const std::lock_guard lock(mutex_);
      const auto now = std::chrono::steady_clock::now();
      ++counts_.ends;
      failure_ = what;
      phase_ = phase;
      in_background_until_ = now + kIntoBackground;
      const bool ran = now - started_ >= kLongestPause;
      pause_ = ran ? command_.pause : std::max(command_.pause, std::min(pause_ * 2, kLongestPause));
    }
    if (phase == Phase::in_background || ending_)
      log_.info("manager", shown() + ": " + what);
    else
      log_.warning("manager", "warning: " + shown() + ": " + what);
  }

  static asio::awaitable<void> watch(std::shared_ptr<State> self, int process) {
    Descriptor ended(self->main_, process);
    static_cast<void>(co_await ended.async_wait(Descriptor::wait_read, kQuiet));
    self->reap();
  }

  void reap() {
    siginfo_t how{};
    const auto id = static_cast<id_t>(number_);
    while (::waitid(P_PID, id, &how, WEXITED | WNOWAIT) != 0 && errno == EINTR) {
    }
    const bool exited = how.si_code == CLD_EXITED;
    const bool in_background = exited && how.si_status == 0 && !ending_;
    // What it has left behind must not keep the socket. As long as the process is not waited for, its group's
    // number is nobody else's.
    if (!in_background) ::kill(-number_, SIGKILL);
    while (::waitpid(number_, nullptr, 0) < 0 && errno == EINTR) {
    }
    if (!in_background) remove_if_nobody_listens(command_.socket);
    const auto number = std::to_string(std::exchange(number_, 0));
    if (kill_at_) kill_at_->cancel();
    stopped(in_background ? Phase::in_background : Phase::stopped,
            "process " + number + " ended " + (exited ? "with status " : "by signal ") +
                std::to_string(how.si_status));
  }

  static asio::awaitable<void> tell_output(std::shared_ptr<State> self, int output, pid_t number) {
    Descriptor pipe(self->main_, output);
    std::array<char, 4096> room{};
    std::string line;
    const auto tell = [&self, &line, number] {
      if (!line.empty())
        self->log_.info("manager", self->shown() + "[" + std::to_string(number) + "]: " + escaped(line));
      line.clear();
    };
    for (;;) {
      const auto [error, size] = co_await pipe.async_read_some(asio::buffer(room), kQuiet);
      if (error) break;
      for (const char octet : std::string_view(room.data(), size)) {
        if (octet != '\n') line += octet;
        if (octet == '\n' || line.size() >= kLine) tell();
      }
    }
    tell();
  }

  const FilterCommand command_;
  asio::io_context& main_;
  io::Log& log_;
  mutable std::mutex mutex_;
  Phase phase_ = Phase::stopped;
  bool ending_ = false;  // written on the main thread, under the mutex
  Counts counts_;
  std::string failure_;
  std::chrono::milliseconds pause_;
  Moment started_, next_start_, in_background_until_;
  // Of the main thread alone.
  pid_t number_ = 0;  // 0: none runs
  std::optional<asio::steady_timer> kill_at_;
};

FilterProcess::~FilterProcess() {
  // The last one may be a session of another thread.
  state_->end_soon();
}

Result<void> FilterProcess::want(Moment now) { return state_->want(now); }
FilterProcess::Counts FilterProcess::counts() const { return state_->counts(); }

std::shared_ptr<FilterProcess> FilterProcesses::of(const FilterCommand& command) {
  std::erase_if(known_, [](const Known& one) { return one.state.expired(); });
  for (const auto& one : known_) {
    if (one.command != command) continue;
    if (auto process = one.process.lock()) return process;
  }
  auto state = std::make_shared<FilterProcess::State>(command, main_, log_);
  auto process = std::make_shared<FilterProcess>(state);
  known_.push_back({command, process, state});
  return process;
}

asio::awaitable<void> FilterProcesses::end(std::chrono::milliseconds limit) {
  const auto each = [this](auto what) {
    for (const auto& one : known_)
      if (const auto state = one.state.lock()) what(*state);
  };
  each([limit](auto& state) { state.end(limit); });
  asio::steady_timer timer(main_);
  for (;;) {
    bool any = false;
    each([&any](auto& state) { any = any || state.running(); });
    if (!any) co_return;
    timer.expires_after(kFirstLook);
    co_await timer.async_wait(kQuiet);
  }
}

asio::awaitable<Result<io::Stream>> connect_to_started(FilterProcess& process,
                                                       const milter::Endpoint& endpoint,
                                                       io::DeadlineSweep& sweep,
                                                       FilterProcess::Moment deadline, Error refused,
                                                       std::function<bool()> wanted) {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  for (auto pause = kFirstLook;; pause = std::min(pause * 2, kLastLook)) {
    const auto now = std::chrono::steady_clock::now();
    if (auto hope = process.want(now); !hope)
      co_return fail(Fault::temporary, refused.text + "; " + hope.error().text);
    if (now >= deadline || !wanted()) co_return std::unexpected(std::move(refused));
    timer.expires_at(std::min(now + pause, deadline));
    co_await timer.async_wait(kQuiet);
    const auto limit = std::chrono::ceil<std::chrono::seconds>(deadline - now);
    auto stream = co_await connect_to_milter(endpoint, sweep, limit);
    if (stream || stream.error().fault != Fault::not_found) co_return stream;
    refused = std::move(stream.error());
  }
}

}  // namespace hikyaku::serve
