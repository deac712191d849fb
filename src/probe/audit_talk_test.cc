#include "probe/audit_talk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "probe/audit_fake_wire.h"

namespace hikyaku::probe {
namespace {

using testing::ElementsAre;

/// Says what it is told to, piece by piece; then nothing, or an end.
class Script final : public testing_support::FakeWire {
 public:
  Script(std::vector<std::string> pieces, bool ends)
      : FakeWire({}), pieces_(std::move(pieces)), ends_(ends) {}

  Result<Heard> receive(std::string& into, std::chrono::milliseconds limit) override {
    waited_ += limit;
    if (endless_) {
      into.append(64UL * 1024, 'x');
      return Heard::octets;
    }
    if (at_ == pieces_.size()) return ends_ ? Heard::closed : Heard::silence;
    into += pieces_[at_++];
    return Heard::octets;
  }
  void be_endless() { endless_ = true; }
  std::chrono::milliseconds waited() const { return waited_; }

 private:
  void serve() override {}
  std::vector<std::string> pieces_;
  std::size_t at_ = 0;
  bool ends_, endless_ = false;
  std::chrono::milliseconds waited_{0};
};

std::vector<std::string> lines(AuditTalk& talk) {
  std::vector<std::string> all;
  while (auto line = talk.line()) all.push_back(*line);
  return all;
}

TEST(AuditTalk, lines_come_whole_in_whatever_pieces_they_arrive) {
  Script wire({"220 o", "ne\r", "\n250 two\n25", "0 three\r\nrest"}, true);
  AuditTalk talk(wire, {}, [&] { return wire.now(); });
  EXPECT_THAT(lines(talk), ElementsAre("220 one", "250 two", "250 three"));
  EXPECT_EQ(talk.state(), AuditTalk::State::closed);
}

TEST(AuditTalk, lines_that_came_before_the_end_are_read_behind_it) {
  Script wire({"one\r\ntwo\r\n"}, true);
  AuditTalk talk(wire, {}, [&] { return wire.now(); });
  EXPECT_EQ(talk.line(), "one");
  EXPECT_EQ(talk.line(), "two");
  EXPECT_EQ(talk.line(), std::nullopt);
}

TEST(AuditTalk, silence_is_waited_for_no_longer_than_the_answer_limit) {
  Script wire({}, false);
  AuditTalk talk(wire, {std::chrono::milliseconds(700), std::chrono::milliseconds(9000)},
                 [&] { return wire.now(); });
  EXPECT_EQ(talk.line(), std::nullopt);
  EXPECT_EQ(talk.state(), AuditTalk::State::silent);
  EXPECT_EQ(wire.waited(), std::chrono::milliseconds(700));
}

TEST(AuditTalk, a_case_ends_when_its_time_is_over) {
  std::chrono::milliseconds now{0};
  Script wire({"one\r\n", "two\r\n"}, false);
  AuditTalk talk(wire, {std::chrono::milliseconds(1000), std::chrono::milliseconds(1500)},
                 [&] { return now; });
  EXPECT_EQ(talk.line(), "one");
  now = std::chrono::milliseconds(1500);
  EXPECT_EQ(talk.line(), std::nullopt);
  EXPECT_EQ(talk.state(), AuditTalk::State::silent);
}

TEST(AuditTalk, an_endless_line_comes_in_pieces_and_a_flood_ends) {
  Script wire({}, false);
  wire.be_endless();
  AuditTalk talk(wire, {}, [&] { return wire.now(); });
  std::size_t octets = 0;
  while (const auto line = talk.line()) {
    EXPECT_LE(line->size(), AuditTalk::kLine + 64UL * 1024);
    octets += line->size();
  }
  EXPECT_EQ(talk.state(), AuditTalk::State::flooded);
  EXPECT_LE(octets, AuditTalk::kMost + 64UL * 1024);
  EXPECT_LE(talk.steps().size(), AuditTalk::kSteps);
}

TEST(AuditTalk, the_record_is_cut_and_tells_the_size) {
  Script wire({}, false);
  AuditTalk talk(wire, {}, [&] { return wire.now(); });
  talk.send(std::string(100000, 'x'));
  talk.send("AUTH secret\r\n", "AUTH ***\r\n");
  ASSERT_EQ(talk.steps().size(), 2U);
  EXPECT_EQ(talk.steps()[0].octets.size(), AuditTalk::kKept);
  EXPECT_EQ(talk.steps()[0].size, 100000U);
  EXPECT_EQ(talk.steps()[1].octets, "AUTH ***\r\n");
}

TEST(AuditWording, is_without_what_names_one_answer) {
  EXPECT_EQ(wording("535 5.7.8 failed"), "535 5.7.8 failed");
  EXPECT_EQ(wording("535 5.7.8 failed 1c4-20a9.5"), wording("535 5.7.8 failed 7de-11b2.9"));
  EXPECT_EQ(wording("-ERR wrong 12:30:05.123"), "-ERR wrong");
  EXPECT_NE(wording("535 5.7.8 failed"), wording("535 5.1.1 failed"));
  EXPECT_NE(wording("535 failed"), wording("550 failed"));
  EXPECT_NE(wording("535 no such user"), wording("535 wrong password"));
  EXPECT_EQ(wording("  a\n1"), "a 1");
}

}  // namespace
}  // namespace hikyaku::probe
