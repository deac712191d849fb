#include "io/program_entry.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/escape.h"

namespace hikyaku::io {
namespace {

constexpr int kReport = 3;  // where it is after the start

[[noreturn]] void give_up(int report) {
  const int reason = errno;
  // Nobody is left to be told where this fails.
  if (report >= 0) static_cast<void>(!::write(report, &reason, sizeof reason));
  ::_exit(kNotEntered);
}

}  // namespace

Result<Identity> identity_of_user(const std::string& name) {
  std::array<char, 4096> room{};
  passwd entry{};
  passwd* found = nullptr;
  const int error = ::getpwnam_r(name.c_str(), &entry, room.data(), room.size(), &found);
  if (found == nullptr)
    return fail(error == 0 ? Fault::not_found : Fault::temporary,
                "there is no user " + escaped(name, 100) +
                    (error == 0 ? "" : std::string(": ") + std::strerror(error)));
  Identity identity{entry.pw_uid, entry.pw_gid, {}, entry.pw_name, entry.pw_dir};
  int count = 16;
  for (;;) {
    identity.groups.resize(static_cast<std::size_t>(count));
    const int room_for = count;
    if (::getgrouplist(entry.pw_name, entry.pw_gid, identity.groups.data(), &count) >= 0) break;
    if (count <= room_for)
      return fail(Fault::temporary, "the groups of " + escaped(name, 100) + " can't be had");
  }
  identity.groups.resize(static_cast<std::size_t>(count));
  return identity;
}

void enter_program(const ProgramEntry& entry) {
  ::setpgid(0, 0);
  ::dup2(entry.input, 0);
  ::dup2(entry.output, 1);
  ::dup2(entry.output, 2);
  int report = -1;
  if (entry.report >= 0) {
    if (entry.report == kReport) {
      report = kReport;
    } else {
      report = ::dup3(entry.report, kReport, O_CLOEXEC);
    }
  }
  ::close_range(report >= 0 ? kReport + 1 : kReport, ~0U, 0);
  if (const auto* identity = entry.identity) {
    if (::setgroups(identity->groups.size(), identity->groups.data()) != 0 ||
        ::setgid(identity->group) != 0 || ::setuid(identity->user) != 0)
      give_up(report);
  }
  // Behind the change of the user, which would take it back.
  if (entry.signal_when_we_end != 0) ::prctl(PR_SET_PDEATHSIG, entry.signal_when_we_end);
  if (::chdir(entry.folder) != 0) give_up(report);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  ::execve(entry.path, const_cast<char* const*>(entry.arguments),
           const_cast<char* const*>(entry.environment));
  give_up(report);
}

}  // namespace hikyaku::io
