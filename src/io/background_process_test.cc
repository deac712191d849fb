#include "io/background_process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

namespace hikyaku::io {
namespace {

using testing::HasSubstr;

/// What a program wrote until it ended, and how it ended.
struct Run {
  std::string output;
  int status = -1;
  pid_t number = 0;
};

Run run(const BackgroundCommand& command) {
  const auto started = start_in_background(command);
  if (!started) {
    ADD_FAILURE() << started.error().text;
    return {};
  }
  Run run{.number = started->number};
  pollfd readable{started->output, POLLIN, 0};
  std::array<char, 4096> room{};
  while (::poll(&readable, 1, 60'000) == 1) {
    const auto got = ::read(started->output, room.data(), room.size());
    if (got <= 0) break;
    run.output.append(room.data(), static_cast<std::size_t>(got));
  }
  pollfd over{started->process, POLLIN, 0};
  EXPECT_EQ(::poll(&over, 1, 60'000), 1);
  ::waitpid(started->number, &run.status, 0);
  ::close(started->output);
  ::close(started->process);
  return run;
}

TEST(BackgroundProcess, GetsItsWordsAsTheyAre) {
  const auto done = run({.words = {"/usr/bin/printf", "[%s]", "a b", "$HOME", "*"}, .user = {}});
  EXPECT_EQ(done.output, "[a b][$HOME][*]");
  EXPECT_TRUE(WIFEXITED(done.status) && WEXITSTATUS(done.status) == 0);
}

TEST(BackgroundProcess, HasAnEnvironmentOfItsOwn) {
  ::setenv("HIKYAKU_TEST_SECRET", "x", 1);
  const auto done = run({.words = {"/usr/bin/env"}, .user = {}});
  ::unsetenv("HIKYAKU_TEST_SECRET");
  EXPECT_THAT(done.output, HasSubstr("PATH="));
  EXPECT_THAT(done.output, HasSubstr("HOME="));
  EXPECT_THAT(done.output, Not(HasSubstr("SECRET")));
}

TEST(BackgroundProcess, HasNothingOfOursOpen) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  // ls has the folder itself open besides.
  const auto done = run({.words = {"/bin/ls", "/proc/self/fd"}, .user = {}});
  EXPECT_EQ(done.output, "0\n1\n2\n3\n");
  for (const int end : ends) ::close(end);
}

TEST(BackgroundProcess, IsInAGroupAndAFolderOfItsOwn) {
  const auto done =
      run({.words = {"/bin/sh", "-c", "cut -d' ' -f5 /proc/$$/stat; pwd"}, .user = {}, .folder = "/tmp"});
  EXPECT_EQ(done.output, std::to_string(done.number) + "\n/tmp\n");
}

TEST(BackgroundProcess, RunsAsAnotherUserWhereWeAreRoot) {
  const BackgroundCommand command{.words = {"/usr/bin/id", "-un"}, .user = "nobody"};
  if (::geteuid() == 0) {
    EXPECT_EQ(run(command).output, "nobody\n");
    return;
  }
  const auto refused = start_in_background(command);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().text, HasSubstr("only root may run it as nobody"));
}

struct Bad {
  const char* name;
  BackgroundCommand command;
  const char* why;
};
class BadBackgroundProcess : public testing::TestWithParam<Bad> {};

TEST_P(BadBackgroundProcess, IsToldWhenItDoesNotBegin) {
  const auto refused = start_in_background(GetParam().command);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().text, GetParam().why);
}

INSTANTIATE_TEST_SUITE_P(, BadBackgroundProcess,
                         testing::Values(Bad{"no_such_program",
                                             {.words = {"/no/such"}, .user = {}},
                                             "run /no/such: No such file or directory"},
                                         Bad{"no_program",
                                             {.words = {"/etc/passwd"}, .user = {}},
                                             "run /etc/passwd: Permission denied"},
                                         Bad{"no_such_folder",
                                             {.words = {"/bin/true"}, .user = {}, .folder = "/no/such"},
                                             "run /bin/true: No such file or directory"},
                                         Bad{"no_such_user",
                                             {.words = {"/bin/true"}, .user = "no-such-user"},
                                             "run /bin/true: there is no user no-such-user"}),
                         [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace hikyaku::io
