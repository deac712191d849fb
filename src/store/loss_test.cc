#include "store/loss.h"

#include <gtest/gtest.h>

#include "base/crashing_kv.h"
#include "store/keys.h"

namespace hikyaku::store {
namespace {

using hikyaku::testing_support::CrashingKv;
using hikyaku::testing_support::Power;

std::string mailbox(std::uint32_t id, Uid floor = 1) {
  return encode(record::MailboxRecord{id, 1'795'564'100, floor});
}

std::string message(std::string_view sender, std::string_view body_key = "b") {
  record::MessageRecord record;
  record.sender = mail::Address::from_internal(sender).value();
  record.received = Time{std::chrono::seconds{1'795'564'100}};
  record.body_size = 90;
  record.prefix = "P: q\r\n\r\n\r\n";
  record.body_key = body_key;
  return encode(record);
}

class Loss : public testing::Test {
 protected:
  void delivered(std::uint32_t box, Uid uid) {
    survey.row(kMessage, message_key(box, uid), message("a@b.example"), true);
    survey.row(kBody, "b", "body", true);
  }
  std::string told(bool with_tables = true) const {
    std::string text;
    for (const auto losses = survey.finish(with_tables ? &tables : nullptr).value();
         const auto& loss : losses) {
      text += loss.mailbox + ':' + std::to_string(loss.first) + '-' + std::to_string(loss.last);
      for (const auto& one : loss.known)
        text += '[' + std::to_string(one.uid) + ' ' + one.sender + ' ' + one.subject + ']';
      text += ' ';
    }
    return text;
  }
  LossSurvey survey;
  Power power;
  CrashingKv tables{power, 6};
};

TEST_F(Loss, UidsThatAreMissingBehindAGapAreLost) {
  survey.row(kMailbox, "joe@a.example", mailbox(1), true);
  delivered(1, 1);
  delivered(1, 2);
  survey.gap();
  delivered(1, 5);
  delivered(1, 6);
  EXPECT_EQ(told(), "joe@a.example:3-4 ");
}

TEST_F(Loss, MailThatIsInTablesIsNotLost) {
  tables.rows(kMailbox)["joe@a.example"] = mailbox(1);
  for (const Uid uid : {1U, 2U, 3U}) tables.rows(kMessage)[message_key(1, uid)] = message("a@b.example");
  survey.gap();
  delivered(1, 5);
  EXPECT_EQ(told(), "joe@a.example:4-4 ");
  EXPECT_EQ(told(false), "") << "what was before is not known then";
}

TEST_F(Loss, MailThatWasRemovedBeforeIsNotLost) {
  tables.rows(kMailbox)["joe@a.example"] = mailbox(1, 8);
  survey.gap();
  delivered(1, 9);
  EXPECT_EQ(told(), "joe@a.example:8-8 ");
}

TEST_F(Loss, WithoutAGapNothingIsLost) {
  delivered(1, 3);
  delivered(1, 7);
  EXPECT_EQ(told(), "");
}

TEST_F(Loss, ADamagedRecordTellsWhatItHeld) {
  survey.row(kMailbox, "joe@a.example", mailbox(1), true);
  delivered(1, 1);
  survey.row(kMessage, message_key(1, 2), message("eve@c.example", "k2"), false);
  survey.row(kBody, "k2", "From: eve@c.example\r\nSubject: the offer\r\n\r\nbody", false);
  survey.row(kMessage, message_key(1, 3), "rubbish", false);
  survey.gap();
  delivered(1, 4);
  EXPECT_EQ(told(), "joe@a.example:2-3[2 eve@c.example the offer] ");
}

TEST_F(Loss, AMessageWhoseFlagsWereChangedLaterIsLostWithItsBody) {
  survey.row(kMessage, message_key(1, 2), message("eve@c.example", "k2"), false);
  survey.row(kBody, "k2", "Subject: the offer\r\n\r\nbody", false);
  survey.gap();
  survey.row(kMessage, message_key(1, 2), message("eve@c.example", "k2"), true);
  EXPECT_EQ(told(), "mailbox number 1:1-2[2 eve@c.example the offer] ") << "and the one before it";
  tables.rows(kMessage)[message_key(1, 1)] = message("a@b.example");
  tables.rows(kBody)["k2"] = "in a table";
  EXPECT_EQ(told(), "");
}

TEST_F(Loss, MailOfTablesWhoseFlagsWereChangedBehindAGapHidesNoLoss) {
  tables.rows(kMailbox)["joe@a.example"] = mailbox(1);
  tables.rows(kMessage)[message_key(1, 1)] = message("a@b.example");
  tables.rows(kBody)["b"] = "body";
  survey.gap();
  survey.row(kMessage, message_key(1, 1), message("a@b.example"), true);
  delivered(1, 4);
  EXPECT_EQ(told(), "joe@a.example:2-3 ");
}

TEST_F(Loss, AMessageThatWasChangedBehindAGapIsLostWithItsBody) {
  tables.rows(kMailbox)["joe@a.example"] = mailbox(1);
  survey.gap();
  survey.row(kMessage, message_key(1, 1), message("a@b.example", "k1"), true);
  delivered(1, 2);
  EXPECT_EQ(told(), "joe@a.example:1-1[1 a@b.example ] ");
}

TEST_F(Loss, AMailboxOfWhichTheNameIsLostHasThatOfWhoGotMailInIt) {
  survey.gap();
  delivered(7, 3);
  survey.row(kDelivery, delivery_key(record::QueueId(1), "Joe@A.example"), message_key(7, 3), true);
  EXPECT_EQ(told(), "Joe@a.example:1-2 ");
}

TEST_F(Loss, ADamagedRecordAtTheEndIsTold) {
  survey.row(kMessage, message_key(9, 4), message("eve@c.example"), false);
  survey.gap();
  EXPECT_EQ(told(), "mailbox number 9:4-4[4 eve@c.example ] ");
}

TEST_F(Loss, ChangesOfFlagsAndRemovalsAreCounted) {
  delivered(1, 1);
  survey.row(kMessage, message_key(1, 1), message("a@b.example"), false);
  survey.row(kMessage, message_key(1, 1), std::nullopt, false);
  survey.gap();
  EXPECT_EQ(told(), "");
  EXPECT_EQ(survey.other_changes(), 2U);
}

TEST_F(Loss, RubbishInDamagedRecordsDoesNoHarm) {
  survey.row(kMessage, "short", "x", false);
  survey.row(kMailbox, "name", "x", false);
  survey.row(kBody, "", "x", false);
  survey.row(99, "a", "b", false);
  survey.row(kMessage, message_key(1, 0), "x", false);
  survey.gap();
  EXPECT_EQ(told(), "");
}

TEST(SkipGiven, NoUidOrModseqThatMayHaveBeenLostIsGivenAgain) {
  Power power;
  CrashingKv kv(power, 16);
  hikyaku::testing_support::CrashingBlob blob(power);
  const auto deliver = [&](std::uint64_t id) {
    auto store = Store::open(kv, blob).value();
    Store::Message one;
    one.queue_id = record::QueueId(id);
    one.received = Time{std::chrono::seconds{1'795'564'100}};
    one.size = 6;
    Kv::Batch batch;
    auto delivery = store->deliver(batch, {{"joe@a.example", "joe@a.example", {}}}, one, "body\r\n").value();
    EXPECT_TRUE(kv.commit(std::move(batch), Kv::Durability::synced).has_value());
    delivery.committed();
    return delivery.outcomes()[0].uid;
  };
  EXPECT_EQ(deliver(1), 1U);
  EXPECT_EQ(deliver(2), 2U);
  ASSERT_TRUE(skip_given(kv, 40).has_value());
  EXPECT_EQ(deliver(3), 43U);
  ASSERT_TRUE(skip_given(kv, std::uint64_t{1} << 40).has_value());
  EXPECT_EQ(Store::open(kv, blob).value()->find_mailbox("joe@a.example").value().next_uid, UINT32_MAX)
      << "there are no more: a delivery is refused, and none is given twice";
}

}  // namespace
}  // namespace hikyaku::store
