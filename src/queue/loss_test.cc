#include "queue/loss.h"

#include <gtest/gtest.h>

#include "base/crashing_kv.h"
#include "queue/spaces.h"
#include "record/queue_entry.h"

namespace hikyaku::queue {
namespace {

using record::QueueId;

std::string entry(std::uint64_t id) {
  record::QueueEntry one;
  one.id = QueueId(id);
  one.sender = mail::Address::from_internal("a@b.example").value();
  for (const auto* to : {"x@c.example", "y@c.example"}) {
    record::Recipient recipient;
    recipient.address = mail::Address::from_internal(to).value();
    one.recipients.push_back(recipient);
  }
  one.recipients[1].state = record::RecipientState::delivered;
  return encode(one);
}

TEST(QueueLoss, OnlyWhatIsNowhereElseIsLost) {
  LossSurvey survey;
  const auto put = [&](std::uint64_t id, bool intact) {
    survey.row(kEntry, QueueId(id).key(), entry(id), intact);
  };
  put(1, true);
  put(1, false);  // an update of it that is lost
  put(2, false);  // ended later
  survey.row(kEntry, QueueId(2).key(), std::nullopt, true);
  put(3, false);  // in a table
  put(4, false);
  put(7, false);
  put(7, true);  // tried again later, but its body is gone
  survey.row(kBody, QueueId(7).key(), "text", false);
  survey.row(kBody, QueueId(2).key(), "text", false);
  survey.row(kEntry, QueueId(5).key(), "rubbish", false);
  survey.row(kEntry, "no id", "rubbish", false);
  survey.row(kDue, QueueId(6).key(), "", false);
  hikyaku::testing_support::Power power;
  hikyaku::testing_support::CrashingKv tables(power, 7);
  tables.rows(kEntry)[QueueId(3).key()] = entry(3);
  const auto lost = survey.finish(&tables).value();
  ASSERT_EQ(lost.size(), 3U);
  EXPECT_EQ(lost[0].id, QueueId(4));
  EXPECT_EQ(lost[0].sender, "a@b.example");
  EXPECT_EQ(lost[0].recipients, std::vector<std::string>{"x@c.example"});
  EXPECT_EQ(lost[1].id, QueueId(5));
  EXPECT_EQ(lost[1].sender, "");
  EXPECT_EQ(lost[2].id, QueueId(7));
  EXPECT_EQ(lost[2].sender, "a@b.example");
  EXPECT_EQ(survey.finish(nullptr).value().size(), 4U);
}

}  // namespace
}  // namespace hikyaku::queue
