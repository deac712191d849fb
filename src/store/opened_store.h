#pragma once
// For tests only: a store over a Kv and a Blob that lose their power at a chosen step.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/crashing_kv.h"
#include "store/check.h"
#include "store/copy.h"
#include "store/folders.h"
#include "store/keys.h"
#include "store/messages.h"
#include "store/removed.h"
#include "store/store.h"
#include "store/usage.h"

namespace hikyaku::store::testing_support {

constexpr Time kNow{std::chrono::seconds{1'795'564'100}};

/// All that each commit is tried for is done at once: false when the power is off or the change was refused.
struct OpenedStore {
  explicit OpenedStore(std::size_t fails_at = 0) : own_power(fails_at), power(own_power) { open(); }
  /// One of several of the same machine; `here` as Store::open() has it.
  OpenedStore(hikyaku::testing_support::Power& machine, Store::Here accounts_here)
      : here(std::move(accounts_here)), power(machine) {
    open();
  }

  bool open() {
    auto opened = Store::open(kv, blob, here);
    store = opened ? std::move(*opened) : nullptr;
    return store != nullptr;
  }
  void restart() {
    store.reset();
    power.restart();
    kv.restart();
    ASSERT_TRUE(open());
  }
  bool commit(Kv::Batch batch, Change& change) {
    if (!kv.commit(std::move(batch), Kv::Durability::synced)) return false;
    change.committed();
    return true;
  }
  /// `compose` gives a Result<Change>.
  template <class Compose>
  bool make(Compose compose) {
    Kv::Batch batch;
    auto change = compose(batch);
    return change && commit(std::move(batch), *change);
  }
  /// `compose` gives a Result of something with a Change.
  template <class Compose>
  bool change(Compose compose) {
    Kv::Batch batch;
    auto result = compose(batch);
    if (!result) return false;
    if (batch.empty()) return true;
    if (!commit(std::move(batch), result->change)) return false;
    if constexpr (requires { result->unused_blobs; }) remove_blobs(result->unused_blobs);
    return true;
  }
  void remove_blobs(const std::vector<std::string>& names) {
    for (const auto& name : names) (void)blob.remove(name);  // else open() does
  }
  std::vector<Store::Outcome> deliver(std::uint64_t id, const std::vector<std::string>& mailboxes,
                                      const std::string& body, bool large = false) {
    Store::Message message;
    message.queue_id = record::QueueId(id);
    message.received = kNow;
    message.size = body.size();
    message.envelope = record::summarize(body);
    if (large) {
      message.blob = "blob" + std::to_string(id);
      auto writer = blob.put(message.blob).value();
      if (!writer->write(body) || !writer->finish()) return {};
    }
    std::vector<Store::Target> targets;
    for (const auto& mailbox : mailboxes) targets.push_back({mailbox, mailbox, {}});
    Kv::Batch batch;
    auto delivery = store->deliver(batch, targets, message, large ? std::string() : body);
    if (!delivery) return {};
    if (!batch.empty()) {
      if (!kv.commit(std::move(batch), Kv::Durability::synced)) return {};
      delivery->committed();
    }
    return delivery->outcomes();
  }
  bool create(std::string_view name) {
    return make([&](Kv::Batch& batch) { return create_mailbox(*store, batch, name, kNow); });
  }
  bool rename(std::string_view from, std::string_view to) {
    return make([&](Kv::Batch& batch) { return rename_mailbox(*store, batch, from, to, kNow); });
  }
  bool remove(std::string_view name, Time now = kNow) {
    return make([&](Kv::Batch& batch) { return remove_mailbox(*store, batch, name, now); });
  }
  bool expunge(std::string_view mailbox, const std::vector<Uid>& uids, std::optional<Time> when = {}) {
    return change([&](Kv::Batch& batch) { return store::expunge(*store, batch, mailbox, uids, when); });
  }
  bool copy(std::string_view from, const std::vector<Uid>& uids, std::string_view to) {
    return change([&](Kv::Batch& batch) { return store::copy(*store, batch, from, uids, to); });
  }
  bool move(std::string_view from, const std::vector<Uid>& uids, std::string_view to) {
    return change([&](Kv::Batch& batch) { return store::move(*store, batch, from, uids, to); });
  }
  bool restore(std::string_view mailbox, const std::vector<Uid>& uids) {
    return change([&](Kv::Batch& batch) { return store::restore(*store, batch, mailbox, uids, kNow); });
  }
  bool flag(std::string_view mailbox, const std::vector<Uid>& uids, const FlagChange& wanted) {
    return change([&](Kv::Batch& batch) { return change_flags(*store, batch, mailbox, uids, wanted); });
  }
  /// In steps of `limit`; how many messages went for good, or nothing when the power is off.
  std::optional<std::size_t> purge(Time before, std::size_t limit, const PurgeLimits& limits = {}) {
    std::size_t messages = 0;
    std::string from;
    for (bool more = true; more;) {
      Kv::Batch batch;
      auto purged = store::purge(*store, batch, before, limit, limits, from);
      if (!purged) return std::nullopt;
      if (!batch.empty() && !kv.commit(std::move(batch), Kv::Durability::synced)) return std::nullopt;
      remove_blobs(purged->unused_blobs);
      messages += purged->messages;
      from = purged->next;
      more = purged->more;
    }
    return messages;
  }

  /// "1 body" of each message that can be seen.
  std::vector<std::string> contents(std::string_view mailbox) const {
    std::vector<std::string> all;
    const auto listing = store->scan(mailbox, 1, 1000);
    if (!listing) return {"?"};
    EXPECT_TRUE(listing->damaged.empty());
    for (const auto& item : listing->items) {
      const auto body = store->read(item, 0, 10'000);
      all.push_back(std::to_string(item.uid) + " " + (body ? *body : "? " + body.error().text));
    }
    return all;
  }
  std::vector<std::string> names() const {
    std::vector<std::string> all;
    const auto mailboxes = store->list_mailboxes().value();
    for (const auto& mailbox : mailboxes) all.push_back(mailbox.name);
    return all;
  }
  std::vector<std::string> problems() const {
    std::vector<std::string> all;
    const auto checked = check(kv, blob, [&](const Problem& one) {
      all.push_back(std::string(text(one.kind)) + " " + one.mailbox + " " + std::to_string(one.uid) + ": " +
                    one.text);
    });
    if (!checked) all.push_back(checked.error().text);
    return all;
  }

  Store::Here here;
  hikyaku::testing_support::Power own_power;
  hikyaku::testing_support::Power& power;
  hikyaku::testing_support::CrashingKv kv{power, kSpaces};
  hikyaku::testing_support::CrashingBlob blob{power};
  std::unique_ptr<Store> store;
};

}  // namespace hikyaku::store::testing_support
