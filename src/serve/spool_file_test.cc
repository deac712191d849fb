#include "serve/spool_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <filesystem>
#include <thread>

#include "io/loopback.h"
#include "io/thread_confinement.h"

namespace hikyaku::serve {
namespace {

using hikyaku::testing_support::TemporaryFolder;
using testing::HasSubstr;

TEST(SpoolFile, gives_back_any_part_of_what_was_appended) {
  const TemporaryFolder folder;
  SpoolFile spool(folder.file(""));
  ASSERT_TRUE(spool.append("hello "));
  ASSERT_TRUE(spool.append("world"));
  EXPECT_EQ(spool.read(3, 6).value(), "lo wor");
  EXPECT_TRUE(std::filesystem::is_empty(folder.file(""))) << "nothing is left behind, whatever happens";
}

TEST(SpoolFile, begins_anew_after_clear) {
  const TemporaryFolder folder;
  SpoolFile spool(folder.file(""));
  ASSERT_TRUE(spool.append("the first"));
  spool.clear();
  ASSERT_TRUE(spool.append("second"));
  EXPECT_EQ(spool.read(0, 6).value(), "second");
  EXPECT_FALSE(spool.read(0, 7)) << "no octet of the first";
}

TEST(SpoolFile, tells_the_folder_that_it_can_not_use) {
  SpoolFile spool("/nowhere/at/all");
  const auto appended = spool.append("x");
  ASSERT_FALSE(appended);
  EXPECT_EQ(appended.error().fault, Fault::temporary);
  EXPECT_THAT(appended.error().text, HasSubstr("/nowhere/at/all"));
}

TEST(SpoolFile, tells_why_also_where_another_thread_opens_for_it) {
  std::thread([] {
    if (!io::confine_thread()) return;
    SpoolFile spool("/nowhere/at/all");
    errno = 0;
    const auto appended = spool.append("x");
    ASSERT_FALSE(appended);
    EXPECT_THAT(appended.error().text, HasSubstr("No such file"));
  }).join();
}

}  // namespace
}  // namespace hikyaku::serve
