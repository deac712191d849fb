#include <gtest/gtest.h>

#include "base/crashing_kv.h"
#include "store/store.h"

namespace hikyaku::store {
namespace {

using testing_support::CrashingBlob;
using testing_support::CrashingKv;
using testing_support::Power;

constexpr std::size_t kSpaces = 6;
constexpr Kv::Space kBodies = 2, kCounts = 3;

class ExpungeTest : public testing::Test {
 protected:
  void SetUp() override { open(); }
  void open() {
    auto opened = Store::open(kv, blob);
    ASSERT_TRUE(opened.has_value()) << opened.error().text;
    store = std::move(*opened);
  }
  void deliver(std::uint64_t id, const std::vector<std::pair<std::string, std::string>>& recipients,
               std::string blob_name = {}) {
    std::vector<Store::Target> targets;
    for (const auto& [recipient, mailbox] : recipients)
      targets.push_back({mailbox, recipient, "To: " + recipient + "\r\n"});
    Store::Message message;
    message.queue_id = record::QueueId(id);
    message.received = Time{std::chrono::seconds{1'795'564'100}};
    message.size = 6;
    message.blob = std::move(blob_name);
    Kv::Batch batch;
    auto delivery =
        store->deliver(batch, targets, message, message.blob.empty() ? "body\r\n" : std::string()).value();
    ASSERT_TRUE(kv.commit(std::move(batch), Kv::Durability::synced).has_value());
    delivery.committed();
  }
  Result<Store::Expunged> expunge(std::vector<Uid> uids) {
    Kv::Batch batch;
    auto expunged = store->expunge_all(batch, "x", uids);
    if (!expunged) return expunged;
    if (auto committed = kv.commit(std::move(batch), Kv::Durability::synced); !committed)
      return std::unexpected(committed.error());
    return expunged;
  }
  std::vector<Uid> uids(std::string_view mailbox) const {
    std::vector<Uid> all;
    for (const auto listing = store->scan(mailbox, 1, 1000).value(); const auto& item : listing.items)
      all.push_back(item.uid);
    return all;
  }

  Power power;
  CrashingKv kv{power, kSpaces};
  CrashingBlob blob{power};
  std::unique_ptr<Store> store;
};

TEST_F(ExpungeTest, ManyMessagesGoTogetherAndNoUidIsGivenTwice) {
  for (std::uint64_t id = 1; id <= 4; ++id) deliver(id, {{"x", "x"}});
  EXPECT_EQ(expunge({1, 3, 4}).value().messages, 3U);
  EXPECT_EQ(uids("x"), std::vector<Uid>{2});
  EXPECT_EQ(kv.rows(kBodies).size(), 1U);
  kv.restart();
  open();
  deliver(5, {{"x", "x"}});
  EXPECT_EQ(uids("x"), (std::vector<Uid>{2, 5}));
}

TEST_F(ExpungeTest, ABodyThatTwoOfThemShareGoesWithTheLastThatUsesIt) {
  deliver(1, {{"x", "x"}, {"alias", "x"}, {"y", "y"}});
  deliver(2, {{"x", "x"}, {"alias", "x"}});
  EXPECT_EQ(expunge({1, 2, 3, 4}).value().messages, 4U);
  EXPECT_EQ(kv.rows(kBodies).size(), 1U);
  EXPECT_EQ(kv.rows(kCounts).size(), 1U);
  const auto left = store->find("y", 1).value();
  EXPECT_EQ(store->read(left, 0, 100).value(), "To: y\r\nbody\r\n");
  std::string unused;
  Kv::Batch batch;
  ASSERT_TRUE(store->expunge(batch, "y", 1, unused).has_value());
  ASSERT_TRUE(kv.commit(std::move(batch), Kv::Durability::synced).has_value());
  EXPECT_TRUE(kv.rows(kBodies).empty());
  EXPECT_TRUE(kv.rows(kCounts).empty());
}

TEST_F(ExpungeTest, ABlobIsTheCallersToRemove) {
  for (const std::string name : {"one", "two"}) {
    auto writer = blob.put(name).value();
    ASSERT_TRUE(writer->write("body\r\n").has_value());
    ASSERT_TRUE(writer->finish().has_value());
  }
  deliver(1, {{"x", "x"}, {"alias", "x"}}, "one");
  deliver(2, {{"x", "x"}, {"y", "y"}}, "two");
  EXPECT_EQ(expunge({1, 2, 3}).value().unused_blobs, std::vector<std::string>{"one"});
}

TEST_F(ExpungeTest, WhatIsGoneAlreadyIsLeftOut) {
  deliver(1, {{"x", "x"}});
  deliver(2, {{"x", "x"}});
  ASSERT_EQ(expunge({1}).value().messages, 1U);
  EXPECT_EQ(expunge({1, 2, 7}).value().messages, 1U);
  Kv::Batch batch;
  EXPECT_EQ(store->expunge_all(batch, "x", std::vector<Uid>{1, 2}).value().messages, 0U);
  EXPECT_TRUE(batch.empty());
  EXPECT_TRUE(batch.preconditions.empty());
  EXPECT_EQ(store->expunge_all(batch, "nobody", std::vector<Uid>{1}).error().fault, Fault::not_found);
}

TEST_F(ExpungeTest, AChangeMeanwhileIsNoticedAndNothingIsRemoved) {
  deliver(1, {{"x", "x"}, {"y", "y"}});
  deliver(2, {{"x", "x"}});
  Kv::Batch ours, flags, others;
  std::string unused;
  ASSERT_TRUE(store->expunge_all(ours, "x", std::vector<Uid>{1, 2}).has_value());
  ASSERT_TRUE(store->set_flags(flags, "x", 2, {.seen = true}).has_value());
  ASSERT_TRUE(kv.commit(std::move(flags), Kv::Durability::synced).has_value());
  EXPECT_EQ(kv.commit(std::move(ours), Kv::Durability::synced).error().fault, Fault::not_found);
  EXPECT_EQ(uids("x"), (std::vector<Uid>{1, 2}));
  ours = {};
  ASSERT_TRUE(store->expunge_all(ours, "x", std::vector<Uid>{1, 2}).has_value());
  ASSERT_TRUE(store->expunge(others, "y", 1, unused).has_value());
  ASSERT_TRUE(kv.commit(std::move(others), Kv::Durability::synced).has_value());
  EXPECT_EQ(kv.commit(std::move(ours), Kv::Durability::synced).error().fault, Fault::not_found);
  EXPECT_EQ(expunge({1, 2}).value().messages, 2U);
  EXPECT_TRUE(kv.rows(kBodies).empty());
}

}  // namespace
}  // namespace hikyaku::store
