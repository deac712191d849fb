#include "queue/lost_rows.h"

#include <gtest/gtest.h>

#include "base/crashing_kv.h"
#include "queue/due_key.h"
#include "queue/queue.h"
#include "queue/spaces.h"

namespace hikyaku::queue {
namespace {

using hikyaku::testing_support::CrashingBlob;
using hikyaku::testing_support::CrashingKv;
using hikyaku::testing_support::Power;
using Strings = std::vector<std::string>;

/// Two messages that wait, the second with a large body, and one that is done.
struct Filled {
  Filled() {
    auto queue = Queue::open(kv, blob).value();
    for (std::uint64_t id = 1; id <= 3; ++id) {
      record::QueueEntry entry;
      entry.id = record::QueueId(id);
      entry.arrival = entry.next_attempt = Time{std::chrono::seconds{100 + id}};
      entry.sender = mail::Address::from_internal("a@b.example").value();
      entry.recipients.resize(1);
      entry.recipients[0].address = mail::Address::from_internal("x@c.example").value();
      entry.size = 4;
      if (id == 2) {
        entry.blob = "large";
        auto writer = blob.put(entry.blob).value();
        EXPECT_TRUE(writer->write("body").has_value() && writer->finish().has_value());
      }
      Kv::Batch batch;
      (void)queue->accept(batch, entry, id == 2 ? "" : "body", {});
      entries.push_back(entry);
      EXPECT_TRUE(kv.commit(std::move(batch), Kv::Durability::synced).has_value());
    }
    Kv::Batch batch;
    (void)queue->finish(batch, entries[2], {}, {});
    EXPECT_TRUE(kv.commit(std::move(batch), Kv::Durability::synced).has_value());
  }
  std::string key(std::size_t i) const { return entries[i].id.key(); }

  Power power{0};
  CrashingKv kv{power, 7};
  CrashingBlob blob{power};
  std::vector<record::QueueEntry> entries;
};

struct LossCase {
  const char* name;
  void (*damage)(Filled&);
  std::set<Kv::Space> damaged;
  std::vector<std::uint64_t> lost, left;
  std::size_t changed;
};
void PrintTo(const LossCase& row, std::ostream* out) { *out << row.name; }

class LostRows : public testing::TestWithParam<LossCase> {};

TEST_P(LostRows, AreToldAndNoEmptyMailIsSent) {
  Filled at;
  GetParam().damage(at);
  const auto settled = settle_lost_rows(at.kv, at.blob, GetParam().damaged).value();
  std::vector<std::uint64_t> lost, left;
  for (const auto& one : settled.lost) lost.push_back(one.id.value());
  EXPECT_EQ(lost, GetParam().lost);
  EXPECT_EQ(settled.changed.size(), GetParam().changed);
  const auto queue = Queue::open(at.kv, at.blob).value();
  const auto due = queue->due(Time{std::chrono::seconds{1000}}, 100).value();
  for (const auto& row : due) {
    left.push_back(row.id.value());
    EXPECT_EQ(queue->read_body(queue->load(row.id).value(), 0, 100).value(), "body");
  }
  EXPECT_EQ(left, GetParam().left);
  EXPECT_EQ(at.kv.rows(kEntry).size(), left.size());
  EXPECT_EQ(settle_lost_rows(at.kv, at.blob, GetParam().damaged).value().changed, Strings{})
      << "a second time";
}

INSTANTIATE_TEST_SUITE_P(
    , LostRows,
    testing::Values(
        LossCase{"none", [](Filled&) {}, {}, {}, {1, 2}, 0},
        LossCase{"an_entry", [](Filled& at) { at.kv.rows(kEntry).erase(at.key(0)); }, {kEntry}, {1}, {2}, 0},
        LossCase{"a_body", [](Filled& at) { at.kv.rows(kBody).erase(at.key(0)); }, {kBody}, {1}, {2}, 1},
        LossCase{"a_large_body", [](Filled& at) { (void)at.blob.remove("large"); }, {}, {2}, {1}, 1},
        LossCase{"a_body_that_is_cut",
                 [](Filled& at) { at.kv.rows(kBody)[at.key(0)] = "b"; },
                 {kBody},
                 {1},
                 {2},
                 1},
        LossCase{"when_it_is_due",
                 [](Filled& at) { at.kv.rows(kDue).erase(due_key(at.entries[0])); },
                 {kDue},
                 {},
                 {1, 2},
                 1},
        LossCase{"the_end_of_one_that_is_done",
                 [](Filled& at) { at.kv.rows(kEntry)[at.key(2)] = encode(at.entries[2]); },
                 {kEntry},
                 {},
                 {1, 2},
                 1},
        LossCase{"the_end_in_the_index_alone",
                 [](Filled& at) { at.kv.rows(kDue)[due_key(at.entries[2])] = "\x04"; },
                 {kDue},
                 {},
                 {1, 2},
                 0},
        LossCase{"a_body_of_none",
                 [](Filled& at) { at.kv.rows(kBody)[at.key(2)] = "body"; },
                 {kBody},
                 {},
                 {1, 2},
                 0}),
    [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace hikyaku::queue
