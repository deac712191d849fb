#include "base/plain_value.h"

#include <gtest/gtest.h>

#include <string>

namespace hikyaku {
namespace {

PlainValue everything() {
  return PlainValue::List{{},
                          true,
                          false,
                          std::int64_t{-7},
                          2.5,
                          std::string("a\0b", 3),
                          PlainValue::Map{{"key", PlainValue::List{"x", PlainValue::Map{}}, "other", {}}}};
}

TEST(PlainValue, ReadsBackWhatItWrites) {
  const auto value = everything();
  const auto read = PlainValue::parse(value.encoded());
  ASSERT_TRUE(read) << read.error().text;
  EXPECT_EQ(*read, value);
}

TEST(PlainValue, NoPrefixOfItIsAValue) {
  const auto octets = everything().encoded();
  for (std::size_t size = 0; size < octets.size(); ++size)
    EXPECT_FALSE(PlainValue::parse(std::string_view(octets).substr(0, size))) << size;
  EXPECT_FALSE(PlainValue::parse(octets + "0"));
}

TEST(PlainValue, ACountThatCanNotBeTrueIsRefusedBeforeMemoryIsTaken) {
  EXPECT_FALSE(PlainValue::parse(std::string("l\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F", 9) + "000"));
  EXPECT_FALSE(PlainValue::parse(std::string("s\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 9) + "000"));
}

TEST(PlainValue, NestingIsBounded) {
  std::string octets;
  for (int level = 0; level < 100; ++level) octets += std::string("l\1\0\0\0\0\0\0\0", 9);
  const auto read = PlainValue::parse(octets + "0");
  ASSERT_FALSE(read);
  EXPECT_NE(read.error().text.find("too deep"), std::string::npos);
}

TEST(PlainValue, HasATextForMessages) {
  EXPECT_EQ(text(everything()),
            "[nil, true, false, -7, 2.500000, \"a\\x00b\", {\"key\" => [\"x\", {}], \"other\" => nil}]");
}

}  // namespace
}  // namespace hikyaku
