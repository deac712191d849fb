#include "milter/bit_names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hikyaku::milter {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(BitNames, are_in_the_order_of_the_bits) {
  EXPECT_THAT(action_names(action::set_macro_lists | action::add_headers),
              ElementsAre("add headers", "set macro lists"));
  EXPECT_THAT(step_names(step::header_leading_space | step::no_connect),
              ElementsAre("no connect", "leading space of headers"));
}

TEST(BitNames, every_bit_of_the_protocol_has_one) {
  EXPECT_EQ(action_names(action::all).size(), 9U);
  EXPECT_EQ(step_names(step::all | step::data_256k | step::data_1m).size(), 23U);
  EXPECT_THAT(step_names(0), IsEmpty());
}

TEST(BitNames, a_bit_without_a_meaning_is_told) {
  EXPECT_THAT(action_names(0x200), ElementsAre("unknown"));
  EXPECT_THAT(step_names(0x200000 | step::skip), ElementsAre("skip", "unknown"));
}

TEST(BitNames, stages) {
  EXPECT_EQ(text(Stage::connect), "connect");
  EXPECT_EQ(text(Stage::end_of_message), "end of message");
  EXPECT_EQ(text(Stage::end_of_headers), "end of headers");
}

}  // namespace
}  // namespace hikyaku::milter
