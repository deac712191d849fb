#include "serve/verdict_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <vector>

#include "io/loopback.h"

namespace hikyaku::serve {
namespace {

using hikyaku::testing_support::TemporaryFolder;
using testing::Each;
using testing::ElementsAre;
using testing::SizeIs;

std::vector<std::string> lines_with(const std::string& name, std::string_view text) {
  std::vector<std::string> lines;
  const auto searched = search_verdicts(name, text, [&](std::string_view line) { lines.emplace_back(line); });
  EXPECT_TRUE(searched);
  return lines;
}

TEST(VerdictFile, lines_are_found_by_what_they_hold) {
  const TemporaryFolder folder;
  const auto name = folder.file("verdicts");
  {
    const auto file = VerdictFile::open(name, 1 << 20).value();
    file->add("one A");
    file->add("two B");
    file->add("three A");
  }
  EXPECT_THAT(lines_with(name, "A"), ElementsAre("one A", "three A"));
}

TEST(VerdictFile, goes_on_where_an_earlier_run_ended) {
  const TemporaryFolder folder;
  const auto name = folder.file("verdicts");
  for (const auto* line : {"first", "second"}) VerdictFile::open(name, 1 << 20).value()->add(line);
  EXPECT_THAT(lines_with(name, ""), ElementsAre("first", "second"));
}

TEST(VerdictFile, does_not_grow_past_its_limit) {
  const TemporaryFolder folder;
  const auto name = folder.file("verdicts");
  constexpr std::uint64_t kLimit = 10'000;
  {
    const auto file = VerdictFile::open(name, kLimit).value();
    for (int i = 0; i < 1000; ++i) file->add(std::string(99, 'x'));
    file->add("the last");
  }
  EXPECT_LE(std::filesystem::file_size(name) + std::filesystem::file_size(name + ".1"), kLimit);
  EXPECT_THAT(lines_with(name, "the last"), SizeIs(1));
  EXPECT_THAT(lines_with(name, "x"), Each(std::string(99, 'x')));
}

TEST(VerdictFile, one_that_can_not_be_written_is_told_at_once) {
  const auto file = VerdictFile::open("/nowhere/at/all", 1000);
  ASSERT_FALSE(file);
  EXPECT_THAT(file.error().text, testing::HasSubstr("/nowhere/at/all"));
}

TEST(VerdictFile, a_search_in_nothing_says_so) {
  EXPECT_EQ(search_verdicts("/nowhere/at/all", "x", [](std::string_view) {}).error().fault, Fault::not_found);
}

}  // namespace
}  // namespace hikyaku::serve
