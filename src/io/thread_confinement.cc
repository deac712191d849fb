#include "io/thread_confinement.h"

#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <ctime>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace hikyaku::io {
namespace {

constexpr std::array kRefused{"open",   "openat", "openat2",  "creat",         "open_by_handle_at",
                              "socket", "execve", "execveat", "io_uring_setup"};

thread_local bool confined = false;

struct FilterEnd {
  void operator()(void* filter) const { seccomp_release(filter); }
};

bool refuse_calls() {
  if (::prctl(PR_GET_SECCOMP) < 0 || ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return false;
  const std::unique_ptr<void, FilterEnd> filter(seccomp_init(SCMP_ACT_ALLOW));
  if (filter == nullptr) return false;
  for (const auto* name : kRefused) {
    const int number = seccomp_syscall_resolve_name(name);
    if (number != __NR_SCMP_ERROR && seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(EPERM), number, 0) != 0)
      return false;
  }
  return seccomp_load(filter.get()) == 0;
}

}  // namespace

// More than one: a directory that /etc/nsswitch.conf names may be slow.
constexpr std::size_t kOpeners = 4;
constexpr std::size_t kAskers = 32;  // they wait: idle but for that
constexpr std::size_t kReaders = 2;  // what they do is short, and waits for nothing

WorkerPool& opener() {
  static WorkerPool pool(kOpeners);
  return pool;
}

namespace {

/// Sockets that are there before a connection is to be made: to ask the opener takes two changes of thread.
class SocketStock {
 public:
  int take() {
    const std::lock_guard lock(mutex_);
    if (sockets_.size() <= kLow && !std::exchange(filling_, true)) opener().post([this] { fill(); });
    if (sockets_.empty()) return -1;
    const int taken = sockets_.back();
    sockets_.pop_back();
    return taken;
  }

 private:
  static constexpr std::size_t kLow = 8, kFull = 32;

  void fill() {
    for (bool more = true; more;) {
      const int made = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
      const std::lock_guard lock(mutex_);
      if (made >= 0) sockets_.push_back(made);
      // Without a descriptor left it is the caller's affair to say so.
      more = made >= 0 && sockets_.size() < kFull;
      filling_ = more;
    }
  }

  std::mutex mutex_;
  std::vector<int> sockets_;
  bool filling_ = false;
};

}  // namespace

int take_unix_socket() {
  if (!thread_is_confined()) return -1;
  // For ever: the opener may be at it when the program ends.
  static auto& stock = *new SocketStock;
  return stock.take();
}

WorkerPool& asker() {
  // A thread inherits the confinement of the one that makes it.
  static auto& pool = by_opener([]() -> std::reference_wrapper<WorkerPool> {
                        static WorkerPool made(kAskers);
                        return made;
                      }).get();
  return pool;
}

WorkerPool& reader() {
  static WorkerPool pool(kReaders, WorkerPool::Confined{});
  return pool;
}

bool confine_thread() {
  opener();  // begins before the first is confined: it would inherit that
  // Reads /etc/localtime now: the first to ask for the local time may be a confined thread.
  static std::once_flag zone_read;
  std::call_once(zone_read, ::tzset);
  confined = confined || refuse_calls();
  return confined;
}

bool thread_is_confined() { return confined; }

}  // namespace hikyaku::io
