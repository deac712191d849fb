#include "store/store.h"

#include <gtest/gtest.h>

#include <map>
#include <thread>

#include "base/crashing_kv.h"
#include "store/keys.h"

namespace hikyaku::store {
namespace {

using hikyaku::testing_support::CrashingBlob;
using hikyaku::testing_support::CrashingKv;
using hikyaku::testing_support::Power;

Store::Message message(std::uint64_t id, std::string_view body) {
  Store::Message out;
  out.queue_id = record::QueueId(id);
  out.received = Time{std::chrono::seconds{1'795'564'100}};
  out.sender = mail::Address::from_internal("a@b.example").value();
  out.size = body.size();
  return out;
}

Store::Target to(std::string mailbox) { return {mailbox, mailbox, "Delivered-To: " + mailbox + "\r\n"}; }

class StoreTest : public testing::Test {
 protected:
  void SetUp() override { open(); }
  void open() {
    auto opened = Store::open(kv, blob);
    ASSERT_TRUE(opened.has_value()) << opened.error().text;
    store = std::move(*opened);
  }
  std::vector<Uid> deliver(std::uint64_t id, std::vector<Store::Target> targets,
                           std::string body = "body\r\n") {
    Kv::Batch batch;
    auto delivery = store->deliver(batch, targets, message(id, body), body).value();
    EXPECT_TRUE(kv.commit(std::move(batch), Kv::Durability::synced).has_value());
    delivery.committed();
    return delivery.uids();
  }
  std::vector<std::string> contents(std::string_view mailbox) const {
    std::vector<std::string> all;
    for (const auto listing = store->scan(mailbox, 1, 1000).value(); const auto& item : listing.items)
      all.push_back(store->read(item, 0, 10000).value());
    return all;
  }

  Power power;
  CrashingKv kv{power, kSpaces};
  CrashingBlob blob{power};
  std::unique_ptr<Store> store;
};

TEST(MailboxName, LowersTheDomainAndKeepsTheLocalPart) {
  EXPECT_EQ(mailbox_name(mail::Address::from_internal("Joe@EXAMPLE.org").value()), "Joe@example.org");
  EXPECT_EQ(mailbox_name(mail::Address::from_internal("joe").value()), "joe");
}

TEST_F(StoreTest, ADeliveredMessageIsReadBackAfterARestart) {
  EXPECT_EQ(deliver(1, {to("x@c.example")}), std::vector<Uid>{1});
  kv.restart();
  open();
  EXPECT_EQ(contents("x@c.example"), std::vector<std::string>{"Delivered-To: x@c.example\r\nbody\r\n"});
  const auto mailbox = store->find_mailbox("x@c.example").value();
  EXPECT_EQ(mailbox.next_uid, 2U);
  EXPECT_EQ(mailbox.uid_validity, 1'795'564'100U);
  const auto summary = store->summary("x@c.example").value();
  EXPECT_EQ(summary.messages, 1U);
  EXPECT_EQ(summary.octets, 33U);
  EXPECT_EQ(summary.unseen, 1U);
}

TEST_F(StoreTest, APartOfAMessageIsReadAcrossItsPrefixAndItsBody) {
  deliver(1, {{"m", "m", "P: q\r\n"}}, "0123456789");
  const auto item = store->find("m", 1).value();
  EXPECT_EQ(item.size(), 16U);
  EXPECT_EQ(store->read(item, 0, 3).value(), "P: ");
  EXPECT_EQ(store->read(item, 4, 4).value(), "\r\n01");
  EXPECT_EQ(store->read(item, 8, 3).value(), "234");
  EXPECT_EQ(store->read(item, 14, 100).value(), "89");
  EXPECT_EQ(store->read(item, 16, 100).value(), "");
}

TEST_F(StoreTest, ABodyIsKeptOnceForAllItsRecipients) {
  deliver(1, {to("x"), to("y"), to("z")});
  EXPECT_EQ(kv.rows(2).size(), 1U);
  EXPECT_EQ(contents("y"), std::vector<std::string>{"Delivered-To: y\r\nbody\r\n"});
  EXPECT_EQ(contents("z"), std::vector<std::string>{"Delivered-To: z\r\nbody\r\n"});
}

TEST_F(StoreTest, DeliveringAgainAddsNothing) {
  EXPECT_EQ(deliver(1, {to("x"), to("y")}), (std::vector<Uid>{1, 1}));
  kv.restart();
  open();
  EXPECT_EQ(deliver(1, {to("y"), to("z"), to("x")}), (std::vector<Uid>{0, 1, 0}));
  EXPECT_EQ(contents("x").size(), 1U);
  EXPECT_EQ(contents("y").size(), 1U);
  EXPECT_EQ(contents("z"), std::vector<std::string>{"Delivered-To: z\r\nbody\r\n"});
  Kv::Batch batch;
  EXPECT_EQ(store->deliver(batch, {to("x")}, message(1, "body\r\n"), "body\r\n").value().uids(),
            std::vector<Uid>{0});
  EXPECT_TRUE(batch.empty());
}

TEST_F(StoreTest, AMessageAppearsOnlyWhenAllBeforeItAreAnswered) {
  deliver(1, {to("x")});
  Kv::Batch first, second;
  auto slow = std::make_optional(store->deliver(first, {to("x")}, message(2, "slow"), "slow").value());
  auto quick = store->deliver(second, {to("x")}, message(3, "quick"), "quick").value();
  ASSERT_TRUE(kv.commit(std::move(second), Kv::Durability::synced).has_value());
  quick.committed();
  EXPECT_EQ(contents("x").size(), 1U);
  EXPECT_EQ(store->find("x", 3).error().fault, Fault::not_found);
  ASSERT_TRUE(kv.commit(std::move(first), Kv::Durability::synced).has_value());
  slow.reset();
  EXPECT_EQ(contents("x").size(), 3U);
}

TEST_F(StoreTest, ConcurrentDeliveriesToOneMailboxGetDifferentUids) {
  {
    std::vector<std::jthread> threads;
    std::mutex commits;
    for (std::uint64_t thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&, thread] {
        for (std::uint64_t i = 0; i < 50; ++i) {
          Kv::Batch batch;
          std::unique_lock lock(commits);  // the test's Kv takes one at a time
          auto delivery =
              store->deliver(batch, {to("x")}, message(thread * 1000 + i, "body"), "body").value();
          EXPECT_TRUE(kv.commit(std::move(batch), Kv::Durability::synced).has_value());
          lock.unlock();
          delivery.committed();
        }
      });
    }
  }
  const auto listing = store->scan("x", 1, 1000).value();
  ASSERT_EQ(listing.items.size(), 200U);
  EXPECT_EQ(listing.items.back().uid, 200U);
}

TEST_F(StoreTest, FlagsAreKeptAndAChangeMeanwhileIsNoticed) {
  deliver(1, {to("x")});
  Kv::Batch first, second;
  ASSERT_TRUE(store->set_flags(first, "x", 1, {.seen = true}).has_value());
  ASSERT_TRUE(store->set_flags(second, "x", 1, {.flagged = true}).has_value());
  ASSERT_TRUE(kv.commit(std::move(first), Kv::Durability::synced).has_value());
  EXPECT_EQ(kv.commit(std::move(second), Kv::Durability::synced).error().fault, Fault::not_found);
  EXPECT_EQ(store->find("x", 1).value().message.flags, (Flags{.seen = true}));
  EXPECT_EQ(store->summary("x").value().unseen, 0U);
}

TEST_F(StoreTest, TheLastReferenceTakesTheBodyAlongAndNoUidIsGivenTwice) {
  deliver(1, {to("x"), to("y")});
  std::string unused;
  for (const std::string name : {"x", "y"}) {
    EXPECT_EQ(kv.rows(2).size(), 1U);
    Kv::Batch batch;
    ASSERT_TRUE(store->expunge(batch, name, 1, unused).has_value());
    ASSERT_TRUE(kv.commit(std::move(batch), Kv::Durability::synced).has_value());
  }
  EXPECT_TRUE(kv.rows(2).empty());
  EXPECT_TRUE(kv.rows(3).empty());
  EXPECT_TRUE(unused.empty());
  EXPECT_TRUE(contents("x").empty());
  kv.restart();
  open();
  EXPECT_EQ(deliver(2, {to("x")}), std::vector<Uid>{2});
}

TEST_F(StoreTest, ALargeBodyIsABlob) {
  auto writer = blob.put("large").value();
  ASSERT_TRUE(writer->write("0123456789").has_value());
  ASSERT_TRUE(writer->finish().has_value());
  auto facts = message(1, "0123456789");
  facts.blob = "large";
  Kv::Batch batch;
  auto delivery = store->deliver(batch, {to("x")}, facts, {}).value();
  ASSERT_TRUE(kv.commit(std::move(batch), Kv::Durability::synced).has_value());
  delivery.committed();
  EXPECT_EQ(contents("x"), std::vector<std::string>{"Delivered-To: x\r\n0123456789"});
  EXPECT_TRUE(store->orphans().value().empty());
  std::string unused;
  batch = {};
  ASSERT_TRUE(store->expunge(batch, "x", 1, unused).has_value());
  EXPECT_EQ(unused, "large");
  ASSERT_TRUE(kv.commit(std::move(batch), Kv::Durability::synced).has_value());
  EXPECT_EQ(store->orphans().value(), std::vector<std::string>{"large"});
}

TEST_F(StoreTest, TheNextUidIsFoundInALargeMailboxWithGaps) {
  for (std::uint64_t id = 1; id <= 300; ++id) deliver(id, {to("x"), to("other")});
  for (const Uid uid : {1, 2, 150, 299}) {
    Kv::Batch batch;
    std::string unused;
    ASSERT_TRUE(store->expunge(batch, "x", uid, unused).has_value());
    ASSERT_TRUE(kv.commit(std::move(batch), Kv::Durability::synced).has_value());
  }
  open();
  EXPECT_EQ(store->find_mailbox("x").value().next_uid, 301U);
  EXPECT_EQ(store->scan("x", 3, 2).value().next, 5U);
  EXPECT_EQ(store->list_mailboxes().value().size(), 2U);
}

TEST_F(StoreTest, AListingGoesOnPastAMessageThatCantBeRead) {
  for (std::uint64_t id = 1; id <= 3; ++id) deliver(id, {to("x")});
  std::next(kv.rows(1).begin())->second[2] ^= 1;
  const auto listing = store->scan("x", 1, 100).value();
  EXPECT_EQ(listing.items.size(), 2U);
  ASSERT_EQ(listing.damaged.size(), 1U);
  EXPECT_EQ(listing.damaged[0].uid, 2U);
  EXPECT_EQ(store->scan("nobody", 1, 100).error().fault, Fault::not_found);
}

TEST_F(StoreTest, ADatabaseOfANewerFormatIsRefused) {
  kv.rows(5)["format"] = "\x04";
  EXPECT_EQ(Store::open(kv, blob).error().fault, Fault::permanent);
}

// ---- A crash at every step; afterwards the queue delivers again what was not acknowledged, as it would.

bool crash_at(std::size_t step) {
  Power power(step);
  CrashingKv kv(power, kSpaces);
  CrashingBlob blob(power);
  const std::vector<std::vector<Store::Target>> letters{
      {to("x")}, {to("x"), to("y")}, {to("z"), to("y"), to("x")}, {to("y")}, {to("x"), to("z")}};
  const auto deliver_all = [&](Store& store) {
    for (std::size_t i = 0; i < letters.size(); ++i) {
      Kv::Batch batch;
      const auto body = "letter " + std::to_string(i);
      auto delivery = store.deliver(batch, letters[i], message(i + 1, body), body);
      if (!delivery || !kv.commit(std::move(batch), Kv::Durability::synced)) return;
      delivery->committed();
    }
  };
  if (auto store = Store::open(kv, blob)) deliver_all(**store);
  const bool crashed = !power.on();
  power.restart();
  kv.restart();
  auto store = Store::open(kv, blob).value();
  deliver_all(*store);
  std::map<std::string, std::vector<std::string>> expected, found;
  for (std::size_t i = 0; i < letters.size(); ++i) {
    for (const auto& target : letters[i])
      expected[target.mailbox].push_back(target.prefix + "letter " + std::to_string(i));
  }
  for (const auto& [mailbox, all] : expected) {
    for (const auto listing = store->scan(mailbox, 1, 100).value(); const auto& item : listing.items)
      found[mailbox].push_back(store->read(item, 0, 100).value());
  }
  EXPECT_EQ(found, expected) << "crash at step " << step;
  return crashed;
}

TEST(StoreCrash, AtEveryStepEachLetterIsInEachMailboxOnce) {
  std::size_t step = 1;
  while (crash_at(step)) ++step;
  EXPECT_GT(step, 9U);
}

}  // namespace
}  // namespace hikyaku::store
