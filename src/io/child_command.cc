#include "io/child_command.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/escape.h"
#include "io/program_entry.h"

namespace hikyaku::io {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t kKeptOutput = 1000;
constexpr long long kLook = 500;  // ms between two looks at `stop`

class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { close(); }
  int get() const { return fd_; }
  bool open() const { return fd_ >= 0; }
  void reset(int fd) {
    close();
    fd_ = fd;
  }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

 private:
  int fd_;
};

/// Whom the command runs as; nullopt: as ourselves.
Result<std::optional<Identity>> identity_of(const std::string& user) {
  if (::geteuid() != 0) return std::nullopt;
  // Commands of others' mail never run as root.
  const auto as_root =
      fail(Fault::temporary, "commands are not run as root: name somebody else in default_privs");
  if (user.empty()) return as_root;
  auto identity = identity_of_user(user);
  if (!identity) return fail(Fault::temporary, identity.error().text + " to run the command as");
  if (identity->user == 0) return as_root;
  identity->groups.clear();
  return *std::move(identity);
}

class Child {
 public:
  Child(const ChildCommand& command, const ChildInput& input)
      : command_(command), source_(input), deadline_(Clock::now() + command.time_limit) {}

  Result<ChildEnd> run() {
    if (auto started = start(); !started) return std::unexpected(std::move(started.error()));
    while (to_child_.open() || from_child_.open()) {
      if (!turn()) break;
    }
    return end();
  }

 private:
  Result<void> start() {
    auto identity = identity_of(command_.user);
    if (!identity) return std::unexpected(std::move(identity.error()));
    std::array<int, 2> input{};
    std::array<int, 2> output{};
    const auto trouble = [this](const char* what) {
      return fail(Fault::temporary,
                  "run " + escaped(command_.text, 200) + ": " + what + ": " + std::strerror(errno));
    };
    if (::pipe2(input.data(), O_CLOEXEC) != 0) return trouble("pipe");
    to_child_.reset(input[1]);
    const Descriptor child_input(input[0]);
    if (::pipe2(output.data(), O_CLOEXEC) != 0) return trouble("pipe");
    from_child_.reset(output[0]);
    const Descriptor child_output(output[1]);
    std::vector<std::string> pairs;
    std::vector<const char*> environment;
    for (const auto& [name, value] : command_.environment) pairs.push_back(name + "=" + value);
    for (const auto& one : pairs) environment.push_back(one.c_str());
    environment.push_back(nullptr);
    const std::array<const char*, 4> arguments{"sh", "-c", command_.text.c_str(), nullptr};
    pid_ = ::fork();
    if (pid_ < 0) return trouble("fork");
    if (pid_ == 0)
      enter_program({.path = "/bin/sh",
                     .arguments = arguments.data(),
                     .environment = environment.data(),
                     .identity = *identity ? &**identity : nullptr,
                     .input = child_input.get(),
                     .output = child_output.get()});
    ::fcntl(to_child_.get(), F_SETFL, O_NONBLOCK);
    ::fcntl(from_child_.get(), F_SETFL, O_NONBLOCK);
    return {};
  }

  /// False: its time is over, or its input failed.
  bool turn() {
    if (to_child_.open() && pending_.empty() && !refill()) return false;
    std::array<pollfd, 2> both{pollfd{from_child_.get(), POLLIN, 0}, pollfd{to_child_.get(), POLLOUT, 0}};
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - Clock::now()).count();
    if (left <= 0) {
      timed_out_ = true;
      return false;
    }
    if (told_to_stop()) return false;
    if (::poll(both.data(), both.size(), static_cast<int>(std::min<long long>(left, kLook))) < 0 &&
        errno != EINTR)
      return false;
    if (to_child_.open() && both[1].revents != 0) feed();
    if (from_child_.open() && both[0].revents != 0) listen();
    return true;
  }

  bool told_to_stop() {
    if (command_.stop == nullptr || !*command_.stop) return false;
    failure_ = Error{Fault::temporary, "the hub ends: the command was stopped"};
    return true;
  }

  bool refill() {
    auto piece = source_();
    if (!piece) {
      failure_ = std::move(piece.error());
      return false;
    }
    if (piece->empty()) {
      to_child_.close();
    } else {
      pending_ = std::move(*piece);
    }
    return true;
  }

  void feed() {
    const auto written = ::write(to_child_.get(), pending_.data(), pending_.size());
    if (written > 0) pending_.erase(0, static_cast<std::size_t>(written));
    // It need not read to the end.
    if (written < 0 && errno != EAGAIN && errno != EINTR) to_child_.close();
  }

  void listen() {
    std::array<char, 4096> room{};
    const auto got = ::read(from_child_.get(), room.data(), room.size());
    if (got > 0) {
      const auto wanted = std::min(static_cast<std::size_t>(got), kKeptOutput - output_.size());
      output_.append(room.data(), wanted);
    } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
      from_child_.close();
    }
  }

  /// Whoever closed all its outputs may still run.
  void wait_for_end() {
    const Descriptor process(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
    pollfd one{process.get(), POLLIN, 0};
    for (;;) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - Clock::now()).count();
      timed_out_ = left <= 0;
      if (timed_out_ || told_to_stop()) {
        ::kill(-pid_, SIGKILL);
        return;
      }
      if (::poll(&one, 1, static_cast<int>(std::min<long long>(left, kLook))) > 0 || !process.open()) return;
    }
  }

  Result<ChildEnd> end() {
    to_child_.close();
    if (timed_out_ || failure_) ::kill(-pid_, SIGKILL);
    if (!timed_out_ && !failure_) wait_for_end();
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0) {
      if (errno != EINTR) return fail(Fault::temporary, std::string("waitpid: ") + std::strerror(errno));
    }
    if (failure_) return std::unexpected(std::move(*failure_));
    ChildEnd result;
    result.timed_out = timed_out_;
    result.output = std::move(output_);
    if (WIFEXITED(status)) result.status = WEXITSTATUS(status);
    if (WIFSIGNALED(status)) result.signal = WTERMSIG(status);
    return result;
  }

  const ChildCommand& command_;
  const ChildInput& source_;
  Clock::time_point deadline_;
  pid_t pid_ = -1;
  Descriptor to_child_, from_child_;
  std::string pending_, output_;
  std::optional<Error> failure_;
  bool timed_out_ = false;
};

}  // namespace

Result<ChildEnd> run_child_command(const ChildCommand& command, const ChildInput& input) {
  return Child(command, input).run();
}

}  // namespace hikyaku::io
