#include "cmd/process_setup.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace hikyaku::cmd {

Result<void> write_process_number(const std::string& name, const std::string& setting) {
  if (name.empty()) return {};
  std::ofstream file(name, std::ios::trunc);
  file << ::getpid() << '\n';
  file.close();
  if (file) return {};
  return fail(Fault::permanent, "write the number of the process into " + name +
                                    ": there is no such folder, or no access to it; " + setting +
                                    " names it");
}

Result<std::optional<Ids>> ids_of(const NamedIn& user, const NamedIn& group) {
  if (::geteuid() != 0 || (user.name.empty() && group.name.empty())) return std::nullopt;
  const auto* of_user = user.name.empty() ? nullptr : ::getpwnam(user.name.c_str());
  if (!user.name.empty() && of_user == nullptr)
    return fail(Fault::permanent, user.setting + ": there is no user '" + user.name + "'");
  const auto* of_group = group.name.empty() ? nullptr : ::getgrnam(group.name.c_str());
  if (!group.name.empty() && of_group == nullptr)
    return fail(Fault::permanent, group.setting + ": there is no group '" + group.name + "'");
  return Ids{of_user != nullptr ? of_user->pw_uid : static_cast<uid_t>(-1),
             of_group != nullptr ? of_group->gr_gid : of_user->pw_gid};
}

Result<void> become(const NamedIn& user, const NamedIn& group) {
  const auto ids = ids_of(user, group);
  if (!ids) return std::unexpected(ids.error());
  if (!*ids) return {};
  const auto [uid, gid] = **ids;
  const bool other_user = !user.name.empty();
  if ((other_user && ::initgroups(user.name.c_str(), gid) != 0) || ::setgid(gid) != 0 ||
      (other_user && ::setuid(uid) != 0))
    return fail(Fault::permanent,
                "become the user '" + user.name + "', group '" + group.name + "': " + std::strerror(errno));
  return {};
}

Result<void> make_folder_for(const std::string& folder, const NamedIn& user) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return fail(Fault::permanent, "make the folder " + folder + ": " + error.message());
  if (::geteuid() != 0 || user.name.empty()) return {};
  const auto* of_user = ::getpwnam(user.name.c_str());
  if (of_user == nullptr)
    return fail(Fault::permanent, user.setting + ": there is no user '" + user.name + "'");
  if (::chown(folder.c_str(), of_user->pw_uid, of_user->pw_gid) != 0)
    return fail(Fault::permanent,
                "hand " + folder + " to the user '" + user.name + "': " + std::strerror(errno));
  return {};
}

namespace {

/// Ends as the process that we began has: 0 once it has written, which is before it ends.
[[noreturn]] void end_as(pid_t child, int told) {
  char octet = 0;
  ssize_t got = 0;
  while ((got = ::read(told, &octet, 1)) < 0 && errno == EINTR) {
  }
  if (got == 1) ::_exit(EX_OK);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  ::_exit(WIFEXITED(status) ? WEXITSTATUS(status) : EX_SOFTWARE);
}

}  // namespace

Result<Background> Background::enter() {
  const auto failed = [](const char* what) {
    return fail(Fault::temporary,
                std::string("go into the background: ") + what + ": " + std::strerror(errno));
  };
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return failed("pipe");
  std::fflush(nullptr);
  const auto child = ::fork();
  if (child < 0) {
    auto why = failed("fork");
    ::close(ends[0]);
    ::close(ends[1]);
    return why;
  }
  if (child > 0) {
    ::close(ends[1]);
    end_as(child, ends[0]);
  }
  ::close(ends[0]);
  ::setsid();  // can't fail in a new process
  return Background(ends[1]);
}

Background::~Background() {
  if (told_ >= 0) ::close(told_);
}

void Background::ready() {
  const int nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  if (nothing >= 0) {
    for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(nothing, standard);
    if (nothing > STDERR_FILENO) ::close(nothing);
  }
  // The old process may have been killed; then nobody waits.
  [[maybe_unused]] const auto written = ::write(told_, "", 1);
}

}  // namespace hikyaku::cmd
