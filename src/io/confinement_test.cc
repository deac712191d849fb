#include "io/confinement.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>

namespace hikyaku::io {
namespace {

namespace fs = std::filesystem;

/// Runs `in` in a child, which it may confine, and gives its exit code.
int in_child(const std::function<int()>& in) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(in());
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/// errno of opening a file to write to it; 0: it was opened.
int written(const fs::path& path) {
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) return errno;
  ::close(descriptor);
  return 0;
}

class ConfinementTest : public testing::Test {
 protected:
  ConfinementTest() : folder_(fs::path(testing::TempDir()) / ("confinement." + std::to_string(::getpid()))) {
    for (const auto* name : {"own", "other"}) fs::create_directories(folder_ / name);
  }
  ~ConfinementTest() override { fs::remove_all(folder_); }
  ConfinementWish wish(bool runs_programs = false) const {
    return {.writable = {(folder_ / "own").string(), (folder_ / "gone").string()},
            .runs_programs = runs_programs};
  }
  void SetUp() override {
    const auto possible = possible_confinement();
    if (possible.landlock == 0 || possible.refused_calls == 0)
      GTEST_SKIP() << "the kernel lacks Landlock or seccomp";
  }
  fs::path folder_;
};

TEST_F(ConfinementTest, WritesBelowItsFoldersAlone) {
  EXPECT_EQ(in_child([this] {
              const auto confined = confine(wish());
              if (!confined || confined->landlock == 0) return 1;
              if (confined->writable != std::vector<std::string>{(folder_ / "own").string()}) return 2;
              if (confined->remarks.size() != 1 ||
                  !confined->remarks[0].ends_with("is not there, and can't be written to"))
                return 3;
              if (written(folder_ / "own/file") != 0 || written(folder_ / "other/file") != EACCES) return 4;
              std::error_code error;
              fs::rename(folder_ / "own/file", folder_ / "own/name", error);
              if (error) return 5;
              fs::rename(folder_ / "own/name", folder_ / "other/name", error);
              if (!error) return 6;
              if (::mkdir((folder_ / "own/more").c_str(), 0700) != 0 ||
                  ::mkdir((folder_ / "more").c_str(), 0700) == 0)
                return 7;
              // Reading stays, and what all write to.
              return ::access("/etc/passwd", R_OK) == 0 && written("/dev/null") == 0 ? 0 : 8;
            }),
            0);
}

TEST_F(ConfinementTest, LeavesPipesOpen) {
  EXPECT_EQ(in_child([this] {
              int ends[2];
              if (::pipe(ends) != 0) return 1;
              const auto end = "/proc/self/fd/" + std::to_string(ends[1]);
              auto with_pipe = wish();
              with_pipe.writable.push_back(end);
              if (const auto confined = confine(with_pipe); !confined || confined->writable.back() != end)
                return 2;
              return written(end) == 0 ? 0 : 3;
            }),
            0);
}

TEST_F(ConfinementTest, CountsForThreadsThatAreMadeLater) {
  EXPECT_EQ(in_child([this] {
              if (!confine(wish())) return 1;
              int result = -1;
              std::thread([&] { result = written(folder_ / "other/file"); }).join();
              return result == EACCES ? 0 : 2;
            }),
            0);
}

TEST_F(ConfinementTest, RunsNoProgramUnlessItMust) {
  const auto run = [this](bool runs_programs) {
    return in_child([this, runs_programs] {
      if (!confine(wish(runs_programs))) return 1;
      ::execl("/bin/true", "true", nullptr);
      return errno == EPERM || errno == EACCES ? 77 : 2;
    });
  };
  EXPECT_EQ(run(false), 77);
  EXPECT_EQ(run(true), 0);
}

TEST_F(ConfinementTest, RefusesSystemCallsThatNoServerNeeds) {
  EXPECT_EQ(in_child([this] {
              const auto confined = confine(wish());
              if (!confined || confined->refused_calls < 30) return 1;
              if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != -1 || errno != EPERM) return 2;
              if (::mount("none", "/mnt", "tmpfs", 0, nullptr) != -1 || errno != EPERM) return 3;
              const timespec now{};
              if (::clock_settime(CLOCK_REALTIME, &now) != -1 || errno != EPERM) return 4;
              return 0;
            }),
            0);
}

TEST(ConfinementText, SaysWhatIsInForce) {
  EXPECT_EQ(Confinement{}.text(), "nothing is in force");
  EXPECT_EQ((Confinement{.landlock = 3, .writable = {"/a", "/b"}, .refused_calls = 40}.text()),
            "writes below /a, /b alone (Landlock 3); runs no program; 40 system calls are refused (seccomp)");
  EXPECT_EQ((Confinement{.writable = {}, .runs_programs = true, .refused_calls = 40}.text()),
            "40 system calls are refused (seccomp)");
}

}  // namespace
}  // namespace hikyaku::io
