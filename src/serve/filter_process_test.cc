#include "serve/filter_process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "io/loopback.h"

namespace hikyaku::serve {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

class FilterProcessTest : public testing::Test {
 protected:
  FilterCommand command(std::string script, milliseconds pause = seconds(30)) {
    return {.filter = "one",
            .command = {.words = {"/bin/sh", "-c", std::move(script)}, .user = {}},
            .socket = {},
            .pause = pause};
  }
  /// Until there is nothing left to do: the process has ended.
  void run() {
    main_.restart();
    main_.run();
  }
  std::string logged() {
    log_->flush();
    std::ifstream file(folder_.file("log"));
    return {std::istreambuf_iterator<char>(file), {}};
  }
  static std::string why(const Result<void>& refused) { return refused ? "" : refused.error().text; }

  hikyaku::testing_support::TemporaryFolder folder_;
  std::unique_ptr<io::Log> log_ = io::Log::open({.file = folder_.file("log"), .hostname = "mx"}).value();
  boost::asio::io_context main_{1};
  FilterProcesses processes_{main_, *log_};
  const FilterProcess::Moment now_ = std::chrono::steady_clock::now();
};

TEST_F(FilterProcessTest, IsNotStartedAgainAtOnce) {
  const auto process = processes_.of(command("exit 3"));
  EXPECT_EQ(why(process->want(now_)), "");
  EXPECT_EQ(why(process->want(now_)), "") << "it is being started";
  run();
  EXPECT_THAT(why(process->want(now_ + seconds(1))),
              HasSubstr("ended with status 3, and is not started again before 29 s have passed"));
  EXPECT_EQ(process->counts().starts, 1U);
  EXPECT_EQ(process->counts().ends, 1U);
  EXPECT_EQ(why(process->want(now_ + seconds(30))), "");
  run();
  EXPECT_THAT(why(process->want(now_ + seconds(61))), HasSubstr("before 29 s")) << "twice as long as before";
  EXPECT_EQ(why(process->want(now_ + seconds(90))), "");
  run();
  EXPECT_EQ(process->counts().starts, 3U);
  EXPECT_THAT(logged(), HasSubstr("warning: one: process "));
}

TEST_F(FilterProcessTest, ThePauseIsAsItWasAfterTenMinutes) {
  const auto process = processes_.of(command("exit 3"));
  for (const auto later : {seconds(0), seconds(30), seconds(690)}) {
    ASSERT_EQ(why(process->want(now_ + later)), "");
    run();
  }
  EXPECT_EQ(why(process->want(now_ + seconds(720))), "");
}

TEST_F(FilterProcessTest, InTheBackgroundItIsWaitedForAWhile) {
  const auto process = processes_.of(command("exit 0"));
  ASSERT_EQ(why(process->want(now_)), "");
  run();
  EXPECT_EQ(why(process->want(now_ + seconds(5))), "");
  EXPECT_EQ(process->counts().starts, 1U);
  EXPECT_THAT(why(process->want(now_ + seconds(25))), HasSubstr("ended with status 0"));
}

TEST_F(FilterProcessTest, OfOneCommandThereIsOne) {
  const auto one = processes_.of(command("exit 3"));
  EXPECT_EQ(processes_.of(command("exit 3")), one);
  EXPECT_NE(processes_.of(command("exit 4")), one);
  EXPECT_NE(processes_.of(command("exit 3", seconds(1))), one);
}

TEST_F(FilterProcessTest, EndsWithTheLastWhoHasIt) {
  auto process = processes_.of(command("exec sleep 1000"));
  ASSERT_EQ(why(process->want(now_)), "");
  main_.poll();
  process.reset();
  run();
  EXPECT_THAT(logged(), HasSubstr("ended by signal 15"));
}

TEST_F(FilterProcessTest, WhatItWritesIsLoggedByLines) {
  const auto process = processes_.of(command("printf 'a\\033b\\nlast'; exit 1"));
  ASSERT_EQ(why(process->want(now_)), "");
  run();
  const auto log = logged();
  EXPECT_THAT(log, testing::ContainsRegex("one\\[[0-9]+\\]: a"));
  EXPECT_THAT(log, testing::ContainsRegex("one\\[[0-9]+\\]: last"));
  EXPECT_THAT(log, Not(HasSubstr("\033")));
}

}  // namespace
}  // namespace hikyaku::serve
