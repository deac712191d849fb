#include "io/key_sizes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "io/rocks_fixture.h"

namespace hikyaku::io {
namespace {

using namespace testing_support;
using testing::HasSubstr;
using Sizes = std::vector<Kv::KeySize>;

constexpr std::size_t kAll = 1'000'000;

/// As a Kv does it that can't do without the values.
Sizes by_values(const Kv& kv, Kv::Space space, std::string_view from, std::string_view to,
                std::size_t limit) {
  return kv.Kv::scan_sizes(space, from, to, limit).value();
}

/// All of every space, and ranges of it with limits.
void expect_sizes_of_values(const Kv& kv, std::mt19937& random) {
  const auto some_key = [&] { return key(static_cast<int>(random() % 700)); };
  for (Kv::Space space = kEntry; space <= kLedger; ++space) {
    const auto all = by_values(kv, space, {}, {}, kAll);
    EXPECT_FALSE(all.empty());
    EXPECT_EQ(kv.scan_sizes(space, {}, {}, kAll).value(), all);
    EXPECT_EQ(kv.scan_sizes(space, {}, {}, 0).value(), Sizes{});
    EXPECT_EQ(kv.scan_sizes(space, {}, {}, all.size()).value(), all);
    for (int i = 0; i < 50; ++i) {
      const auto from = some_key(), to = some_key();
      const auto limit = static_cast<std::size_t>(random() % 200);
      EXPECT_EQ(kv.scan_sizes(space, from, to, limit).value(), by_values(kv, space, from, to, limit))
          << "from " << from << " to " << to << " limit " << limit;
    }
  }
}

/// Rows of all sizes come, are replaced and removed.
void change(RocksKv& kv, std::mt19937& random, int& next, int changes) {
  for (int i = 0; i < changes; ++i) {
    Kv::Batch batch;
    if (next == 0 || random() % 4 != 0) {
      constexpr std::size_t kSizes[] = {0, 1, 300, 2047, 2048, 2049, 9000};
      batch = message(next++, kSizes[random() % std::size(kSizes)]);
    } else {
      const auto old = key(static_cast<int>(random() % static_cast<unsigned>(next)));
      batch.put(kEntry, old, std::string(random() % 5000, 'n'));
      if (random() % 2 == 0) batch.remove(kEntry, old);
      if (random() % 2 == 0 && kv.get(kBody, old).value()) batch.remove(kBody, old);
      if (random() % 3 == 0) batch.remove(kLedger, old);
    }
    if (!kv.commit(std::move(batch), Kv::Durability::written)) ::_exit(2);
  }
}

/// In tables of several levels, in memory, and after a crash in logs.
class KeySizesOfRandom : public RocksFixture, public testing::WithParamInterface<unsigned> {};

TEST_P(KeySizesOfRandom, AreThoseOfTheValuesWhereverTheRowsAre) {
  std::mt19937 random(GetParam());
  crash_after([&](RocksKv& opened) {
    int next = 0;
    for (int round = 0; round < 5; ++round) {
      change(opened, random, next, 120);
      expect_sizes_of_values(opened, random);
      if (round == 2 && !opened.compact({})) ::_exit(3);
      if (round < 4 && !opened.flush()) ::_exit(3);
    }
    if (!opened.commit({}, Kv::Durability::synced) || HasFailure()) ::_exit(4);
  });
  in_child([&] {
    auto how = options();
    for (const auto access : {RocksKv::Access::read_only, RocksKv::Access::read_write}) {
      how.access = access;
      const auto done = try_open(how);
      ASSERT_TRUE(done.has_value()) << done.error().text;
      expect_sizes_of_values(*kv, random);
    }
  });
}

INSTANTIATE_TEST_SUITE_P(, KeySizesOfRandom, testing::Range(1U, 7U));

/// Of a database whose bodies are in one table of several blocks.
class KeySizesOfTables : public RocksFixture {
 protected:
  static constexpr int kMessages = 500;
  void SetUp() override {
    RocksFixture::SetUp();
    in_child([this] {
      open();
      for (int i = 0; i < kMessages; ++i) {
        ASSERT_TRUE(kv->commit(message(i), Kv::Durability::written).has_value());
      }
      ASSERT_TRUE(kv->compact({}).has_value());
    });
  }
  void open_read_only() {
    auto how = options();
    how.access = RocksKv::Access::read_only;
    const auto opened = try_open(how);
    ASSERT_TRUE(opened.has_value()) << opened.error().text;
  }
  /// In the middle of each file of the space of bodies.
  void damage_files_of_bodies(bool tables) {
    std::vector<RocksKv::TableFile> files;
    for (const auto& file : kv->table_files()) {
      if (file.space == "body" && file.table == tables) files.push_back(file);
    }
    ASSERT_FALSE(files.empty());
    kv.reset();
    for (const auto& file : files) flip(file.path, file.octets / 2);
  }
};

TEST_F(KeySizesOfTables, NeedNoLargeValue) {
  in_child([this] {
    open_read_only();
    damage_files_of_bodies(false);
    open_read_only();
    EXPECT_FALSE(kv->scan(kBody, {}, {}, kAll).has_value()) << "a value is damaged";
    const auto sizes = kv->scan_sizes(kBody, {}, {}, kAll).value();
    ASSERT_EQ(sizes.size(), std::size_t{kMessages});
    EXPECT_EQ(sizes.back(), Kv::KeySize(key(kMessages - 1), kBodyOctets));
  });
}

/// The engine hands out what is before the damage, and says nothing.
TEST_F(KeySizesOfTables, AreNotTakenForAllWhereATableCantBeReadOn) {
  in_child([this] {
    open_read_only();
    damage_files_of_bodies(true);
    open_read_only();
    EXPECT_EQ(kv->scan_sizes(kBody, {}, {}, 10).value().size(), 10U) << "before the damage";
    const auto sizes = kv->scan_sizes(kBody, {}, {}, kAll);
    ASSERT_FALSE(sizes.has_value());
    EXPECT_EQ(sizes.error().fault, Fault::corrupt);
    EXPECT_THAT(sizes.error().text, HasSubstr("list keys"));
  });
}

}  // namespace
}  // namespace hikyaku::io
