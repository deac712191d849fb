#include "io/background_process.h"

#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "base/escape.h"
#include "io/program_entry.h"

namespace hikyaku::io {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { reset(-1); }
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }
  void reset(int fd) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }

 private:
  int fd_;
};

Result<void> make_pipe(Descriptor& from, Descriptor& to) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0)
    return fail(Fault::temporary, std::string("pipe: ") + std::strerror(errno));
  from.reset(ends[0]);
  to.reset(ends[1]);
  return {};
}

/// nullopt: we are that user.
Result<std::optional<Identity>> identity_of(const std::string& user) {
  if (user.empty()) return std::nullopt;
  auto identity = identity_of_user(user);
  if (!identity) return std::unexpected(std::move(identity.error()));
  if (identity->user == ::geteuid()) return std::nullopt;
  if (::geteuid() != 0) return fail(Fault::temporary, "only root may run it as " + escaped(user, 100));
  return *std::move(identity);
}

std::vector<std::string> environment_of(const std::optional<Identity>& identity) {
  std::vector<std::string> pairs{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"};
  const auto of = [&pairs](const std::string& name, const std::string& home) {
    pairs.push_back("USER=" + name);
    pairs.push_back("LOGNAME=" + name);
    pairs.push_back("HOME=" + home);
  };
  if (identity) {
    of(identity->name, identity->home);
    return pairs;
  }
  std::array<char, 4096> room{};
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(::geteuid(), &entry, room.data(), room.size(), &found) == 0 && found != nullptr)
    of(entry.pw_name, entry.pw_dir);
  return pairs;
}

std::vector<const char*> pointers(const std::vector<std::string>& words) {
  std::vector<const char*> all;
  for (const auto& word : words) all.push_back(word.c_str());
  all.push_back(nullptr);
  return all;
}

}  // namespace

Result<BackgroundProcess> start_in_background(const BackgroundCommand& command) {
  const auto trouble = [&command](const std::string& what) {
    return fail(Fault::temporary, "run " + escaped(command.words.front(), 200) + ": " + what);
  };
  const auto identity = identity_of(command.user);
  if (!identity) return trouble(identity.error().text);
  const auto pairs = environment_of(*identity);
  const auto arguments = pointers(command.words), environment = pointers(pairs);
  const Descriptor nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  Descriptor output, its_output, report, its_report;
  for (auto made : {make_pipe(output, its_output), make_pipe(report, its_report)})
    if (!made) return trouble(made.error().text);
  if (nothing.get() < 0) return trouble(std::string("/dev/null: ") + std::strerror(errno));
  const pid_t number = ::fork();
  if (number < 0) return trouble(std::string("fork: ") + std::strerror(errno));
  if (number == 0)
    enter_program({.path = command.words.front().c_str(),
                   .arguments = arguments.data(),
                   .environment = environment.data(),
                   .identity = *identity ? &**identity : nullptr,
                   .folder = command.folder.c_str(),
                   .input = nothing.get(),
                   .output = its_output.get(),
                   .report = its_report.get(),
                   .signal_when_we_end = SIGTERM});
  its_report.reset(-1);
  its_output.reset(-1);
  int reason = 0;
  ssize_t got = 0;
  do {
    got = ::read(report.get(), &reason, sizeof reason);
  } while (got < 0 && errno == EINTR);
  Descriptor process(static_cast<int>(::syscall(SYS_pidfd_open, number, 0)));
  if (got == sizeof reason || process.get() < 0) {
    if (got != sizeof reason) reason = errno;
    ::kill(number, SIGKILL);
    while (::waitpid(number, nullptr, 0) < 0 && errno == EINTR) {
    }
    return trouble(std::strerror(reason));
  }
  ::fcntl(output.get(), F_SETFL, O_NONBLOCK);
  return BackgroundProcess{number, process.release(), output.release()};
}

}  // namespace hikyaku::io
