#include "access/maildrop.h"

#include <gtest/gtest.h>

namespace hikyaku::access {
namespace {

Maildrop three() {
  return {1795564100, {{.uid = 2, .size = 10}, {.uid = 5, .size = 20}, {.uid = 4294967294, .size = 30}}};
}

TEST(Maildrop, MarkedMessagesCountNoMoreButKeepTheirNumbers) {
  auto maildrop = three();
  EXPECT_EQ(maildrop.count(), 3U);
  EXPECT_EQ(maildrop.octets(), 60U);
  maildrop.mark(2);
  maildrop.mark(2);
  EXPECT_EQ(maildrop.size(), 3U);
  EXPECT_EQ(maildrop.count(), 2U);
  EXPECT_EQ(maildrop.octets(), 40U);
  EXPECT_TRUE(maildrop.message(2).marked);
  EXPECT_EQ(maildrop.message(3).size, 30U);
  EXPECT_EQ(maildrop.marked_uids(), std::vector<std::uint32_t>{5});
}

TEST(Maildrop, AllMarksAreTakenBackTogether) {
  auto maildrop = three();
  for (std::size_t number = 1; number <= 3; ++number) maildrop.mark(number);
  EXPECT_EQ(maildrop.octets(), 0U);
  maildrop.unmark_all();
  EXPECT_EQ(maildrop.count(), 3U);
  EXPECT_EQ(maildrop.octets(), 60U);
  EXPECT_TRUE(maildrop.marked_uids().empty());
}

TEST(Maildrop, AUniqueIdFitsTheStandard) {
  // RFC 1939 s. 7: one to 70 octets from 0x21 to 0x7E.
  EXPECT_EQ(three().unique_id(1), "1795564100.2");
  EXPECT_EQ(three().unique_id(3), "1795564100.4294967294");
}

TEST(Maildrop, OneWithoutMessagesIsEmpty) {
  const Maildrop maildrop;
  EXPECT_EQ(maildrop.size(), 0U);
  EXPECT_EQ(maildrop.octets(), 0U);
}

}  // namespace
}  // namespace hikyaku::access
