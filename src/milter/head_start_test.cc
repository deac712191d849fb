#include "milter/head_start.h"

#include <gtest/gtest.h>

#include "milter/packet_text.h"

namespace hikyaku::milter {
namespace {

using testing_support::packet;

/// What was sent, in one piece.
class Wire {
 public:
  /// How many octets go out with these.
  std::size_t send(std::string octets, bool more) {
    start_.apply(octets, more);
    all += octets;
    return octets.size();
  }
  std::string all;

 private:
  HeadStart start_;
};

TEST(MilterHeadStart, TheFilterGetsTheSamePackets) {
  const auto one = packet('M', "<a@a.example>|"), two = packet('R', "<b@b.example>|") + packet('T'),
             end = packet('Q');
  Wire wire;
  EXPECT_EQ(wire.send(one, true), one.size() + 1) << "and the first octet of what comes next";
  EXPECT_EQ(wire.send("", true), 0U) << "nothing is sent by itself";
  EXPECT_EQ(wire.send(two, true), two.size());
  EXPECT_EQ(wire.send(two, false), two.size() - 1) << "where nothing is expected soon";
  EXPECT_EQ(wire.send(end, false), end.size());
  EXPECT_EQ(wire.all, one + two + two + end);
}

}  // namespace
}  // namespace hikyaku::milter
