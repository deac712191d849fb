#include "ese/database_header.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ese/synthetic_files.h"

namespace hikyaku::ese {
namespace {

using testing::HasSubstr;

class HeaderOfPageSize : public testing::TestWithParam<std::uint32_t> {};
INSTANTIATE_TEST_SUITE_P(, HeaderOfPageSize, testing::Values(2048, 4096, 8192, 16384, 32768),
                         [](const auto& row) { return std::to_string(row.param); });

TEST_P(HeaderOfPageSize, IsReadFromThePrimaryCopy) {
  const auto read = DatabaseHeaders::parse(synthetic::Database{.page_size = GetParam()}.file(), "db");
  ASSERT_TRUE(read) << read.error().text;
  EXPECT_FALSE(read->from_shadow);
  EXPECT_TRUE(read->primary.intact);
  EXPECT_TRUE(read->shadow && read->shadow->intact);
  const auto& header = read->header;
  EXPECT_EQ(header.page_size, GetParam());
  EXPECT_EQ(header.state, DatabaseState::dirty_shutdown);
  EXPECT_EQ(header.required_low, 10);
  EXPECT_EQ(header.required_high, 12);
  EXPECT_EQ(header.committed_beyond_required().low, 13);
  EXPECT_EQ(header.committed_beyond_required().high, 13);
  EXPECT_EQ(header.consistent.text(), "(0xA,3,1B)");
  EXPECT_EQ(header.consistent_time.iso_text(), "2021-11-16T20:21:09.069Z");
  EXPECT_EQ(header.consistent_time.text(), "11/16/2021 20:21:09.069 UTC");
  EXPECT_EQ(header.log_signature.random, 77U);
  EXPECT_EQ(header.log_signature.computer, "MAIL1");
  EXPECT_TRUE(header.detach_time.never());
  EXPECT_EQ(header.detach_time.text(), "00/00/1900 00:00:00");
  EXPECT_EQ(header.detach_time.iso_text(), "");
}

TEST_P(HeaderOfPageSize, IsReadFromTheShadowWhenThePrimaryIsDamaged) {
  const std::string damages[] = {std::string(GetParam(), '\0'), std::string(GetParam(), 'x')};
  for (const auto& damage : damages) {
    auto file = synthetic::Database{.page_size = GetParam()}.file();
    file.replace(0, damage.size(), damage);
    const auto read = DatabaseHeaders::parse(file, "db");
    ASSERT_TRUE(read) << read.error().text;
    EXPECT_TRUE(read->from_shadow);
    EXPECT_EQ(read->shadow->offset, GetParam());
    EXPECT_EQ(read->header.required_high, 12);
  }
}

TEST_P(HeaderOfPageSize, IsRefusedWhenBothCopiesAreDamaged) {
  auto file = synthetic::Database{.page_size = GetParam()}.file();
  file[300] = 'x';
  file[GetParam() + 300] = 'x';
  const auto read = DatabaseHeaders::parse(file, "db");
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().fault, Fault::corrupt);
  EXPECT_THAT(read.error().text, HasSubstr("db: the header at offset 0 is damaged (checksum stored 0x"));
  EXPECT_THAT(read.error().text, HasSubstr("shadow copy at offset " + std::to_string(GetParam())));
}

TEST(DatabaseHeader, APageSizeOfZeroMeans4096) {
  auto copy = synthetic::Database{}.header();
  synthetic::put(copy, 236, 0U);
  synthetic::seal_header(copy);
  const auto read = DatabaseHeaders::parse(copy + copy, "db");
  ASSERT_TRUE(read) << read.error().text;
  EXPECT_EQ(read->header.page_size, 4096U);
}

struct RefusedCase {
  const char* name;
  std::string file, told;
};
class RefusedHeader : public testing::TestWithParam<RefusedCase> {};
INSTANTIATE_TEST_SUITE_P(
    , RefusedHeader,
    testing::Values(RefusedCase{"empty_file", "", "ends at offset 0, in the middle of a database header"},
                    RefusedCase{"cut_file", synthetic::Database{}.file().substr(0, 700),
                                "ends at offset 700"},
                    RefusedCase{"text_file", std::string(9000, 'a'),
                                "is not an ESE database: offset 4 holds 61 61 61 61, expected ef cd ab 89"},
                    RefusedCase{"log_file", synthetic::Log{}.file(),
                                "is a log file, not a database: use hikyaku ese logs"},
                    RefusedCase{"checkpoint_file", synthetic::checkpoint(3), "use hikyaku ese checkpoint"},
                    RefusedCase{"page_size_destroyed",
                                [] {
                                  auto file = synthetic::Database{}.header() + std::string(4096, '\0');
                                  synthetic::put(file, 236, 12345U);
                                  return file;
                                }(),
                                "offset 236 holds 39 30 00 00, expected a page size"},
                    RefusedCase{"primary_damaged_and_no_shadow",
                                synthetic::Database{}.header().replace(700, 1, "x").substr(0, 4096),
                                "ends before its shadow"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST_P(RefusedHeader, WithTheReasonAndTheOffset) {
  const auto read = DatabaseHeaders::parse(GetParam().file, "some\nfile");
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().fault, Fault::corrupt);
  EXPECT_THAT(read.error().text, testing::StartsWith("some\\x0afile"));
  EXPECT_THAT(read.error().text, HasSubstr(GetParam().told));
}

TEST(DatabaseHeader, EveryCutIsReadOrRefused) {
  const auto file = synthetic::Database{.page_size = 2048}.file(0);
  for (std::size_t size = 0; size <= file.size(); ++size)
    EXPECT_EQ(DatabaseHeaders::parse(std::string_view(file).substr(0, size), "db").has_value(), size >= 2048)
        << size;
}

TEST(DatabaseHeader, AFlipOfAnyBitOfThePrimaryIsSeen) {
  const auto file = synthetic::Database{.page_size = 2048}.file(0);
  for (std::size_t octet = 0; octet < 2048; ++octet) {
    auto changed = file;
    changed[octet] = static_cast<char>(changed[octet] ^ 16);
    const auto read = DatabaseHeaders::parse(changed, "db");
    ASSERT_TRUE(read) << octet << read.error().text;
    EXPECT_TRUE(read->from_shadow) << octet;
  }
}

}  // namespace
}  // namespace hikyaku::ese
