#include "io/log.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include "io/interfaces.h"
#include "io/loopback.h"

namespace hikyaku::io {
namespace {

using hikyaku::testing_support::TemporaryFolder;
using testing::AllOf;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;

std::string contents(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(Log, WritesLinesAsPostfixDoes) {
  const TemporaryFolder folder;
  const auto log = Log::open({.file = folder.file("mail.log"), .hostname = "mx"}).value();
  log->info("smtpd", "connect from unknown[192.0.2.7]");
  log->warning("qmgr", "the disk is nearly full");
  log->error("cleanup", "the disk is full");
  log->flush();
  const auto pid = std::to_string(::getpid());
  EXPECT_THAT(contents(folder.file("mail.log")),
              MatchesRegex("[A-Z][a-z][a-z] [ 1-3][0-9] [0-9]+:[0-9]+:[0-9]+ mx hikyaku/smtpd.[0-9]+.: "
                           "connect from unknown.192.0.2.7.\n"
                           ".* hikyaku/qmgr." +
                           pid +
                           ".: warning: the disk is nearly full\n"
                           ".* hikyaku/cleanup." +
                           pid + ".: error: the disk is full\n"));
}

TEST(Log, LinesWithoutATagAreThoseOfOneProgram) {
  const TemporaryFolder folder;
  const auto log =
      Log::open({.file = folder.file("log"), .hostname = "mx", .name = "milter-manager", .tags = false})
          .value();
  log->info("session", "[statistics] [sessions][finished] 1(+1) 0");
  log->flush();
  EXPECT_THAT(contents(folder.file("log")),
              MatchesRegex(".* mx milter-manager.[0-9]+.: .statistics. .sessions..finished. 1.[+]1. 0\n"));
}

TEST(Log, WritesJsonObjects) {
  const TemporaryFolder folder;
  const auto log = Log::open({.file = folder.file("log"), .form = LogSettings::Form::json}).value();
  log->info("smtpd", "helo=<\"x\\\">");
  log->flush();
  EXPECT_THAT(contents(folder.file("log")),
              HasSubstr(R"("service":"smtpd","level":"info","text":"helo=<\"x\\\">"})"));
}

TEST(Log, AFileThatWasMovedAwayIsBegunAnew) {
  const TemporaryFolder folder;
  const auto log = Log::open({.file = folder.file("log"), .hostname = "mx"}).value();
  log->info("smtpd", "before");
  log->flush();
  std::filesystem::rename(folder.file("log"), folder.file("log.1"));
  log->info("smtpd", "after the move");
  log->flush();
  EXPECT_THAT(contents(folder.file("log.1")), AllOf(HasSubstr("before"), Not(HasSubstr("after"))));
  EXPECT_THAT(contents(folder.file("log")), AllOf(HasSubstr("after the move"), Not(HasSubstr("before"))));
  std::filesystem::remove(folder.file("log"));
  log->info("smtpd", "after the removal");
  log->flush();
  EXPECT_THAT(contents(folder.file("log")), HasSubstr("after the removal"));
}

TEST(Log, TakesLinesOfManyThreadsWhole) {
  const TemporaryFolder folder;
  {
    const auto log = Log::open({.file = folder.file("log"), .hostname = "mx"}).value();
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        for (int n = 0; n < 1000; ++n) log->info("smtpd", "line");
      });
    }
    for (auto& thread : threads) thread.join();
  }
  const auto text = contents(folder.file("log"));
  EXPECT_EQ(std::ranges::count(text, '\n'), 4000);
}

TEST(Log, AFileThatCannotBeWrittenIsAnError) {
  const auto log = Log::open({.file = "/nonexistent/mail.log"});
  ASSERT_FALSE(log.has_value());
  EXPECT_EQ(log.error().text, "maillog_file /nonexistent/mail.log: No such file or directory");
}

TEST(Interfaces, TheLoopbackIsThere) {
  const auto found = interface_addresses();
  ASSERT_TRUE(found.has_value());
  EXPECT_THAT(*found, testing::Contains(InterfaceAddress{"127.0.0.1", "127.0.0.0/8"}));
  EXPECT_NE(host_name(), "");
}

}  // namespace
}  // namespace hikyaku::io
