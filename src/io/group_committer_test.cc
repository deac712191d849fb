#include "io/group_committer.h"

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <semaphore>

namespace hikyaku::io {
namespace {

/// A Kv that notes what was done to it, stands still when told to, and fails as told.
class NotingKv : public Kv {
 public:
  Result<std::optional<std::string>> get(Space, std::string_view key) const override {
    const std::scoped_lock lock(mutex_);
    const auto at = rows_.find(std::string(key));
    return at == rows_.end() ? std::optional<std::string>{} : std::optional(at->second);
  }
  Result<std::vector<std::optional<std::string>>> multi_get(Space,
                                                            const std::vector<std::string>&) const override {
    return fail(Fault::permanent, "not used");
  }
  Result<std::vector<Row>> scan(Space, std::string_view, std::string_view, std::size_t) const override {
    return fail(Fault::permanent, "not used");
  }
  Result<void> commit(Batch batch, Durability durability) override {
    entered.release();
    if (gated) gate.acquire();
    const std::scoped_lock lock(mutex_);
    if (failures > 0) {
      --failures;
      return fail(fault, "as told");
    }
    for (const auto& condition : batch.preconditions) {
      const auto at = rows_.find(condition.key);
      const auto value = at == rows_.end() ? std::optional<std::string>{} : std::optional(at->second);
      if (value != condition.value) return fail(Fault::not_found, "precondition");
    }
    for (auto& write : batch.writes) {
      if (write.value) {
        rows_[write.key] = std::move(*write.value);
      } else {
        rows_.erase(write.key);
      }
    }
    ++commits;
    unsynced = durability == Durability::synced ? 0 : unsynced + 1;
    syncs += durability == Durability::synced;
    return {};
  }

  std::counting_semaphore<> entered{0}, gate{0};
  std::atomic<bool> gated{false};
  std::atomic<int> commits{0}, syncs{0}, unsynced{0};
  /// So many commits fail from now on. Set both while a commit stands still.
  std::atomic<int> failures{0};
  Fault fault = Fault::temporary;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::string> rows_;
};

Kv::Batch put(std::string key, std::string value = "v") {
  Kv::Batch batch;
  batch.put(0, std::move(key), std::move(value));
  return batch;
}

/// put() that holds only when the key has the value `before`.
Kv::Batch replace(std::string key, std::optional<std::string> before, std::string value) {
  auto batch = put(key, std::move(value));
  batch.preconditions.push_back({0, std::move(key), std::move(before)});
  return batch;
}

class Answers {
 public:
  GroupCommitter::Done next() {
    const auto place = results_.size();
    results_.emplace_back();
    return [this, place](Result<void> result) {
      results_[place] = result ? "ok" : result.error().text;
      answered_.release();
    };
  }
  const std::vector<std::string>& wait() {
    for (; waited_ < results_.size(); ++waited_) answered_.acquire();
    return results_;
  }

 private:
  std::vector<std::string> results_;
  std::size_t waited_ = 0;
  std::counting_semaphore<> answered_{0};
};

/// Submits `fill` while the Kv stands in the commit of a batch before, so that all of it is one group.
template <class Fill>
void as_one_group(NotingKv& kv, GroupCommitter& committer, Fill fill) {
  while (kv.entered.try_acquire()) {
  }
  kv.gated = true;
  committer.submit(put("before"), {});
  kv.entered.acquire();
  fill();
  kv.gated = false;
  kv.gate.release(1);
}

TEST(GroupCommitter, ABatchAloneIsWrittenAtOnceAndAnsweredAfterTheSync) {
  NotingKv kv;
  GroupCommitter committer(kv);
  ASSERT_TRUE(committer.commit(put("a")).has_value());
  EXPECT_EQ(kv.syncs, 1);
  EXPECT_EQ(kv.get(0, "a").value(), "v");
}

TEST(GroupCommitter, BatchesThatGatherDuringASyncAreOneWriteAndOneSync) {
  NotingKv kv;
  GroupCommitter committer(kv);
  Answers answers;
  as_one_group(kv, committer, [&] {
    for (int i = 0; i < 10; ++i) committer.submit(put("k" + std::to_string(i)), answers.next());
  });
  EXPECT_EQ(answers.wait(), std::vector<std::string>(10, "ok"));
  EXPECT_EQ(kv.commits, 2);
  EXPECT_EQ(kv.syncs, 2);
}

TEST(GroupCommitter, NothingIsAnsweredBeforeItsSyncReturned) {
  NotingKv kv;
  GroupCommitter committer(kv);
  std::atomic<bool> answered{false};
  kv.gated = true;
  committer.submit(put("a"), [&](Result<void>) { answered = true; });
  kv.entered.acquire();
  EXPECT_FALSE(answered);
  kv.gated = false;
  kv.gate.release();
  committer.stop();
  EXPECT_TRUE(answered);
}

TEST(GroupCommitter, AFailedPreconditionFailsItsOwnBatchAlone) {
  NotingKv kv;
  GroupCommitter committer(kv);
  Answers answers;
  as_one_group(kv, committer, [&] {
    committer.submit(put("a", "1"), answers.next());
    committer.submit(replace("a", "1", "2"), answers.next());
    committer.submit(replace("a", "1", "3"), answers.next());  // sees what the one before did
    committer.submit(put("b"), answers.next());
    committer.submit(replace("b", std::nullopt, "w"), answers.next());  // the last, takes no sync along
  });
  EXPECT_EQ(answers.wait(), (std::vector<std::string>{"ok", "ok", "precondition", "ok", "precondition"}));
  EXPECT_EQ(kv.get(0, "a").value(), "2");
  EXPECT_EQ(kv.get(0, "b").value(), "v");
  EXPECT_EQ(kv.unsynced, 0);
  EXPECT_EQ(committer.statistics().failed, 2U);
}

TEST(GroupCommitter, AFailedSyncFailsTheWholeGroup) {
  NotingKv kv;
  GroupCommitter committer(kv);
  Answers answers;
  as_one_group(kv, committer, [&] {
    committer.submit(put("a"), answers.next());
    committer.submit(replace("c", std::nullopt, "1"), answers.next());
    committer.submit(put("b"), answers.next());
    kv.fault = Fault::permanent;
    kv.failures = 100;
  });
  EXPECT_EQ(answers.wait(), (std::vector<std::string>{"as told", "as told", "as told"}));
}

TEST(GroupCommitter, WhatMayWaitIsWrittenWithoutASyncOrWithTheNextOne) {
  NotingKv kv;
  GroupCommitter committer(kv);
  Answers answers;
  committer.commit_later(put("a"), answers.next());
  answers.wait();
  EXPECT_EQ(kv.syncs, 0);
  EXPECT_EQ(kv.unsynced, 1);
  as_one_group(kv, committer, [&] {
    committer.commit_later(put("b"), answers.next());
    committer.submit(put("c"), answers.next());
  });
  EXPECT_EQ(answers.wait(), std::vector<std::string>(3, "ok"));
  EXPECT_EQ(kv.commits, 3);
  EXPECT_EQ(kv.unsynced, 0);
}

TEST(GroupCommitter, WhatMayWaitIsTriedAgainWhenTheDiskWasFull) {
  NotingKv kv;
  GroupCommitter committer(kv);
  Answers answers;
  as_one_group(kv, committer, [&] {
    committer.submit(put("a"), answers.next());
    committer.commit_later(put("b"), answers.next());
    kv.failures = 3;  // the one before, this group together, and its first batch alone
  });
  EXPECT_EQ(answers.wait(), (std::vector<std::string>{"as told", "ok"}));
  EXPECT_EQ(kv.get(0, "b").value(), "v");
}

TEST(GroupCommitter, TellsWhenMoreWaitsThanTheLimit) {
  NotingKv kv;
  GroupCommitter committer(kv, {.pending = 1000});
  kv.gated = true;
  EXPECT_EQ(committer.submit(put("a", std::string(500, 'x')), {}), GroupCommitter::Pressure::low);
  EXPECT_EQ(committer.submit(put("b", std::string(500, 'x')), {}), GroupCommitter::Pressure::high);
  EXPECT_EQ(committer.pressure(), GroupCommitter::Pressure::high);
  kv.gated = false;
  kv.gate.release(2);
  ASSERT_TRUE(committer.commit(put("c")).has_value());
  committer.stop();
  EXPECT_EQ(committer.pressure(), GroupCommitter::Pressure::low);
}

TEST(GroupCommitter, AGroupIsLimitedAndTheRestComesAfterIt) {
  NotingKv kv;
  GroupCommitter committer(kv, {.group = 1000});
  Answers answers;
  as_one_group(kv, committer, [&] {
    for (int i = 0; i < 6; ++i)
      committer.submit(put("k" + std::to_string(i), std::string(500, 'x')), answers.next());
  });
  EXPECT_EQ(answers.wait(), std::vector<std::string>(6, "ok"));
  EXPECT_EQ(kv.commits, 4);
}

TEST(GroupCommitter, StoppingWritesWhatWaitsAndTakesNothingMore) {
  NotingKv kv;
  GroupCommitter committer(kv);
  Answers answers;
  as_one_group(kv, committer, [&] {
    committer.submit(put("a"), answers.next());
    committer.commit_later(put("b"), answers.next());
  });
  committer.stop();
  committer.submit(put("c"), answers.next());
  EXPECT_EQ(answers.wait(), (std::vector<std::string>{"ok", "ok", "commit: the database is closing"}));
  EXPECT_EQ(kv.get(0, "c").value(), std::nullopt);
}

TEST(GroupCommitter, ManyThreadsAreAllAnsweredAndShareSyncs) {
  NotingKv kv;
  GroupCommitter committer(kv);
  std::atomic<int> answered{0};
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 8; ++thread) {
      threads.emplace_back([&, thread] {
        for (int i = 0; i < 500; ++i) {
          const auto key = std::to_string(thread) + "/" + std::to_string(i);
          if (i % 3 == 0) {
            committer.commit_later(put(key), [&](Result<void> result) { answered += result.has_value(); });
          } else if (committer.commit(put(key))) {
            ++answered;
          }
        }
      });
    }
  }
  committer.stop();
  EXPECT_EQ(answered, 4000);
  for (int i = 0; i < 500; ++i) EXPECT_TRUE(kv.get(0, "7/" + std::to_string(i)).value().has_value());
}

}  // namespace
}  // namespace hikyaku::io
