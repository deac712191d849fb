#include "milter/statistics_lines.h"

#include <gtest/gtest.h>

#include <regex>

namespace hikyaku::milter::statistics {
namespace {

using std::chrono::microseconds;

TEST(StatisticsLines, the_end_of_a_session_and_of_a_filter) {
  EXPECT_EQ(session_end("end-of-message", Status::pass, microseconds{12300}, 7),
            "[statistics] [session][end][end-of-message][pass][0.0123](7)");
  EXPECT_EQ(filter_end("envelope-recipient", Status::temporary_failure, microseconds{2'000'000}, 7, "clamav"),
            "[statistics] [milter][end][envelope-recipient][temporary-failure][2](7): clamav");
  EXPECT_EQ(session_disconnected(microseconds{500'000}, 8), "[statistics] [session][disconnected][0.5](8)");
  EXPECT_EQ(sessions_finished(120, 1, 3), "[statistics] [sessions][finished] 120(+1) 3");
}

TEST(StatisticsLines, added_headers_are_on_one_line) {
  EXPECT_EQ(filter_added_header(3, "X-Spam-Status", "Yes, score=9\r\n\ttests=A,\n B", "spamass"),
            "[statistics] [milter][header][add](3): <X-Spam-Status>=<Yes, score=9 tests=A, B>: spamass");
  EXPECT_EQ(session_added_header(3, "X-A", "b"), "[statistics] [session][header][add](3): <X-A>=<b>");
}

TEST(StatisticsLines, nothing_from_outside_begins_a_line) {
  const auto line = filter_added_header(3, "X\nY", std::string("a\nb\0c\x1b", 6), "d\r\n[statistics]");
  EXPECT_EQ(line.find('\n'), std::string::npos);
  EXPECT_EQ(line.find('\x1b'), std::string::npos);
}

TEST(StatisticsLines, every_status_has_the_word_of_the_analyzer) {
  const char* const words[] = {"pass",       "accept", "reject", "discard", "temporary-failure",
                               "quarantine", "abort",  "error",  "stop"};
  for (int i = 0; i < 9; ++i) EXPECT_EQ(text(static_cast<Status>(i)), words[i]);
}

// What milter-manager-log-analyzer looks for behind "[statistics] ".
TEST(StatisticsLines, are_what_the_analyzer_looks_for) {
  const std::regex filter(R"(\[milter\]\[end\]\[(.+?)\]\[(.+?)\]\[(.+?)\]\((.+?)\): (.+))");
  const std::regex session(R"(\[session\]\[end\]\[(.+)\]\[(.+)\]\[(.+)\]\((.+)\))");
  const std::regex header(R"(\[milter\]\[header\]\[add\]\((.+)\): <(.+?)>=<(.+?)>: (.+))");
  const auto content = [](const std::string& line) {
    EXPECT_EQ(line.rfind("[statistics] ", 0), 0U);
    return line.substr(13);
  };
  std::smatch found;
  const auto end = content(filter_end("data", Status::stop, microseconds{1}, 42, "my filter"));
  ASSERT_TRUE(std::regex_match(end, found, filter));
  EXPECT_EQ(found[2], "stop");
  EXPECT_EQ(found[5], "my filter");
  const auto all = content(session_end("data", Status::reject, microseconds{1}, 42));
  ASSERT_TRUE(std::regex_match(all, found, session));
  EXPECT_EQ(found[2], "reject");
  const auto added = content(filter_added_header(42, "X-Spam-Flag", "YES", "spamass"));
  ASSERT_TRUE(std::regex_match(added, found, header));
  EXPECT_EQ(found[3], "YES");
}

}  // namespace
}  // namespace hikyaku::milter::statistics
