#include "ese/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ese/synthetic_files.h"

namespace hikyaku::ese {
namespace {

std::string error_of(const std::string& file) {
  const auto read = Checkpoint::parse(file, "E00.chk");
  return read ? std::string() : read.error().text;
}

TEST(Checkpoint, IsReadFromItsFirstCopy) {
  const auto read = Checkpoint::parse(synthetic::checkpoint(31), "E00.chk");
  ASSERT_TRUE(read) << read.error().text;
  EXPECT_EQ(read->position.text(), "(0x1F,27,1D2)");
  EXPECT_EQ(read->signature.random, 77U);
  EXPECT_EQ(read->engine.system_path, "D:\\Queue\\");
  EXPECT_EQ(read->version, 1U);
  EXPECT_FALSE(read->first_damaged || read->second_damaged);
}

TEST(Checkpoint, IsReadFromItsSecondCopyWhenTheFirstIsDamaged) {
  auto file = synthetic::checkpoint(31);
  file[20] ^= 1;
  const auto read = Checkpoint::parse(file, "E00.chk");
  ASSERT_TRUE(read) << read.error().text;
  EXPECT_TRUE(read->first_damaged);
  EXPECT_EQ(read->position.generation, 31);
}

TEST(Checkpoint, OfOneCopyIsReadAndTold) {
  const auto read = Checkpoint::parse(synthetic::checkpoint(31).substr(0, 4096), "E00.chk");
  ASSERT_TRUE(read);
  EXPECT_TRUE(read->second_damaged);
}

TEST(Checkpoint, IsRefusedWithTheOffset) {
  auto file = synthetic::checkpoint(31);
  file[20] ^= 1;
  file[4096 + 20] ^= 1;
  EXPECT_THAT(error_of(file), testing::HasSubstr("stored at offset 4096"));
  EXPECT_THAT(error_of(""), testing::HasSubstr("ends at offset 0"));
  EXPECT_THAT(error_of(std::string(5000, 'a')), testing::HasSubstr("ends in the second copy at offset 5000"));
  EXPECT_THAT(error_of(synthetic::Database{}.file()), testing::HasSubstr("is a database, not a checkpoint"));
  EXPECT_THAT(error_of(synthetic::Log{}.file()), testing::HasSubstr("is a log file"));
}

}  // namespace
}  // namespace hikyaku::ese
