#include "store/append.h"

#include <gtest/gtest.h>

#include "store/opened_store.h"

namespace hikyaku::store {
namespace {

using testing_support::kNow;
using testing_support::OpenedStore;

NewMessage message(std::string body) {
  NewMessage one;
  one.received = kNow;
  one.size = body.size();
  one.body = std::move(body);
  return one;
}

bool add(OpenedStore& at, std::string_view mailbox, std::vector<NewMessage> messages) {
  return at.change([&](Kv::Batch& batch) { return append(*at.store, batch, mailbox, std::move(messages)); });
}

TEST(Append, MessagesComeWithTheirFlagsKeywordsAndDates) {
  OpenedStore at;
  ASSERT_TRUE(at.create("u@d/A"));
  auto first = message("1");
  first.flags = {.seen = true, .flagged = true};
  ASSERT_TRUE(first.keywords.add("work").has_value());
  first.received = kNow - std::chrono::days{700};
  first.sender = mail::Address::from_internal("a@b.example").value();
  first.header_size = 1;
  auto second = message("22");
  auto writer = at.blob.put("large").value();
  ASSERT_TRUE(writer->write("22").has_value() && writer->finish().has_value());
  second.body.clear();
  second.blob = "large";
  std::vector<NewMessage> both;
  both.push_back(first);
  both.push_back(second);
  ASSERT_TRUE(add(at, "u@d/A", both));
  ASSERT_TRUE(add(at, "u@d/A", {message("333")}));
  EXPECT_EQ(at.contents("u@d/A"), (std::vector<std::string>{"1 1", "2 22", "3 333"}));
  const auto item = at.store->find("u@d/A", 1).value();
  EXPECT_EQ(item.message.flags, first.flags);
  EXPECT_EQ(item.message.keywords, first.keywords);
  EXPECT_EQ(item.message.received, first.received);
  EXPECT_EQ(item.message.sender, first.sender);
  EXPECT_EQ(usage_of(*at.store, "u@d").value(), (Usage{6, 3, 2}));
  const auto changes = changes_since(*at.store, "u@d/A", 0).value();
  EXPECT_EQ(changes.changed, (std::vector<Uid>{1, 2, 3}));
  at.restart();
  EXPECT_EQ(at.contents("u@d/A").size(), 3U);
  EXPECT_EQ(at.problems(), std::vector<std::string>{});
  ASSERT_TRUE(at.expunge("u@d/A", {1, 2, 3}));
  EXPECT_EQ(at.blob.names().value(), std::vector<std::string>{});
}

TEST(Append, NothingIsAddedWhereThereIsNoMailboxNorTooMuchAtOnce) {
  OpenedStore at;
  EXPECT_FALSE(add(at, "u@d", {message("1")}));
  ASSERT_TRUE(at.create("u@d"));
  EXPECT_FALSE(add(at, "u@d", std::vector<NewMessage>(kMostAtOnce + 1, message("1"))));
  EXPECT_TRUE(add(at, "u@d", {}));
  EXPECT_EQ(at.contents("u@d"), std::vector<std::string>{});
}

TEST(Append, APowerCutAtAnyStepLeavesAllOfItOrNothing) {
  for (std::size_t step = 1; step < 20; ++step) {
    OpenedStore at(step);
    const bool created = at.create("u@d");
    const bool added = created && add(at, "u@d", {message("1"), message("2")});
    at.restart();
    const auto found = created ? at.contents("u@d").size() : 0U;
    if (added) ASSERT_EQ(found, 2U) << "step " << step;
    ASSERT_TRUE(found == 0 || found == 2) << "step " << step;
    EXPECT_EQ(at.problems(), std::vector<std::string>{}) << "step " << step;
  }
}

}  // namespace
}  // namespace hikyaku::store
