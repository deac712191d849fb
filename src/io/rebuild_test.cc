#include "io/rebuild.h"

#include <rocksdb/db.h>

#include <map>
#include <set>

#include "io/large_values.h"
#include "io/manifest_check.h"
#include "io/manifest_read.h"
#include "io/mapped_file.h"
#include "io/rocks_fixture.h"
#include "io/table_block.h"
#include "io/table_rows.h"

namespace hikyaku::io {
namespace {

using namespace testing_support;
using Contents = std::map<std::string, std::string>;

/// A database with tables in several levels, rows that were replaced and removed, and logs, that crashed; and
/// what becomes of it.
class Rebuild : public RocksFixture {
 protected:
  static constexpr int kMessages = 900, kInTables = 600;

  void make() {
    crash_after([](RocksKv& child) {
      const auto put = [&](Kv::Batch batch) {
        if (!child.commit(std::move(batch), Kv::Durability::synced)) ::_exit(2);
      };
      for (int i = 0; i < kMessages; ++i) {
        // Some bodies are too small to stand apart.
        put(message(i, i % 3 == 0 ? 500 : kBodyOctets));
        if (i % 7 == 6) {
          Kv::Batch batch;
          batch.put(kEntry, key(i - 3), "changed " + key(i));
          batch.remove(kEntry, key(i - 5));
          batch.remove(kBody, key(i - 5));
          put(std::move(batch));
        }
        if (i == 300 && !child.compact({})) ::_exit(3);
        if (i % 150 == 149 && i < kInTables && !child.flush()) ::_exit(4);
        if (i == kInTables) stop_making_tables();
      }
    });
  }
  /// All rows, with the space's number before the key; without the marks of time at the end of values.
  static Contents rows_of(const RocksKv& kv) {
    Contents all;
    for (unsigned space = 0; space < kSpaces.size(); ++space) {
      const auto rows = kv.scan(space, {}, {}, 100'000).value();
      for (const auto& [key, value] : rows) all[std::to_string(space) + key] = value;
    }
    return all;
  }
  static Contents expected() {
    Contents all;
    for (int i = 0; i < kMessages; ++i) {
      const auto batch = message(i, i % 3 == 0 ? 500 : kBodyOctets);
      for (const auto& one : batch.writes) all[std::to_string(one.space) + one.key] = *one.value;
      if (i % 7 != 6) continue;
      all["0" + key(i - 3)] = "changed " + key(i);
      all.erase("0" + key(i - 5));
      all.erase("1" + key(i - 5));
    }
    return all;
  }
  Rebuilt rebuild_it() {
    const fs::path to = directory.string() + ".rebuilt";
    fs::remove_all(to);
    auto how = options();
    how.directory = to;
    auto salvage = Salvage::open_unchanged(directory);
    EXPECT_TRUE(salvage.has_value()) << salvage.error().text;
    kv = RocksKv::open(how, notes).value();
    auto rebuilt = rebuild(directory, kSpaces, *salvage, *kv, to / "scratch", {}, {}, {});
    EXPECT_TRUE(rebuilt.has_value()) << (rebuilt ? "" : rebuilt.error().text);
    rows = rows_of(*kv);
    kv.reset();
    EXPECT_FALSE(fs::exists(to / "scratch"));
    fs::remove_all(to);
    return std::move(*rebuilt);
  }
  std::vector<fs::path> files(const std::string& extension) const {
    std::vector<fs::path> all;
    for (const auto& one : fs::directory_iterator(directory / "db")) {
      if (one.path().extension() == extension) all.push_back(one.path());
    }
    std::ranges::sort(all);
    return all;
  }
  fs::path manifest() const { return directory / "db" / manifest_name(current_manifest(directory / "db")); }

  Contents rows;
};

TEST_F(Rebuild, AllRowsOfAWholeDatabaseAreThereAgain) {
  in_child([&] {
    make();
    const auto rebuilt = rebuild_it();
    EXPECT_EQ(rows, expected());
    for (const auto& fault : rebuilt.faults) ADD_FAILURE() << fault.file << ": " << fault.reason;
    EXPECT_FALSE(rebuilt.list_lost);
    EXPECT_GE(files(".sst").size(), 9U);
    EXPECT_GE(files(".blob").size(), 2U);
  });
}

TEST_F(Rebuild, AListOfTablesIsReadAsTheEngineReadsIt) {
  in_child([&] {
    make();
    const auto list = read_manifest(MappedFile::open(manifest()).value().contents());
    EXPECT_TRUE(list.whole);
    EXPECT_EQ(list.families.at(2), "body");
    auto how = options();
    how.access = RocksKv::Access::read_only;
    how.tables_only = true;
    ASSERT_TRUE(try_open(how).has_value());
    std::vector<std::string> listed, engines;
    for (const auto& [number, table] : list.tables)
      listed.push_back(std::to_string(number) + ' ' + std::to_string(table.octets) +
                       list.families.at(table.family));
    for (const auto& file : kv->table_files()) {
      if (file.table)
        engines.push_back(std::to_string(std::stoul(file.path.stem().string())) + ' ' +
                          std::to_string(file.octets) + file.space);
    }
    EXPECT_THAT(listed, testing::UnorderedElementsAreArray(engines));
  });
}

/// Rows of one table, damaged in every block in turn: all but those of that block are read, and the damage
/// tells between which keys they were.
TEST_F(Rebuild, OfADamagedTableAllOtherBlocksAreRead) {
  in_child([&] {
    make();
    for (const auto& path : files(".sst")) {
      const auto mapped = MappedFile::open(path).value();
      const std::string whole(mapped.contents());
      std::vector<std::string> keys;
      TableRows rows_in(whole);
      while (const auto row = rows_in.next())
        keys.push_back(std::string(row->key) + ' ' + std::to_string(row->sequence));
      EXPECT_TRUE(rows_in.damages().empty());
      EXPECT_TRUE(rows_in.faults().empty());
      EXPECT_FALSE(keys.empty());
      const std::set<std::string> known(keys.begin(), keys.end());
      for (std::size_t at = 0; at < whole.size(); at += whole.size() / 23 + 1) {
        for (const bool without_end : {false, true}) {
          SCOPED_TRACE(path.string() + " at " + std::to_string(at) + (without_end ? " without its end" : ""));
          auto octets = whole;
          octets[at] = static_cast<char>(octets[at] ^ 0x10);
          // As if the index were damaged as well.
          if (without_end) octets[octets.size() - 1] = 'x';
          TableRows damaged(octets);
          std::vector<std::string> left;
          while (const auto row = damaged.next())
            left.push_back(std::string(row->key) + ' ' + std::to_string(row->sequence));
          const auto lost = keys.size() - left.size();
          for (const auto& one : left) EXPECT_TRUE(known.contains(one)) << one;
          if (lost == 0) continue;
          ASSERT_EQ(damaged.damages().size(), 1U);
          const auto& damage = damaged.damages().front();
          for (const auto& one : keys) {
            if (std::ranges::find(left, one) != left.end()) continue;
            const auto name = one.substr(0, one.rfind(' '));
            EXPECT_GE(name, damage.after);
            if (!damage.until.empty()) EXPECT_LE(name, damage.until);
          }
          EXPECT_LT(at, rows_in.facts().octets) << "rows are lost, and no block of rows is damaged";
          EXPECT_LE(damage.offset, at);
          EXPECT_GT(damage.end, at);
          EXPECT_LE(damage.end - damage.offset, 6000U) << "more than a block";
        }
      }
    }
  });
}

/// A mail may hold the octets of a block, checksum and all: they are not taken for one, also where the index
/// and the block around them are damaged.
TEST_F(Rebuild, WhatLooksLikeABlockInsideOfAMailIsNone) {
  in_child([&] {
    make();
    std::string forged;
    for (const auto& path : files(".sst")) {
      const auto mapped = MappedFile::open(path).value();
      const auto block = table_format::find_block(mapped.contents(), 0, mapped.contents().size(), 1900);
      if (block && TableRows(mapped.contents()).facts().space == "entry")
        forged = mapped.contents().substr(0, static_cast<std::size_t>(block->end()));
    }
    ASSERT_FALSE(forged.empty());
    open();
    Kv::Batch batch;
    for (int i = 0; i < 40; ++i) batch.put(kBody, "mail" + key(i), "Subject: " + forged);
    ASSERT_TRUE(kv->commit(std::move(batch), Kv::Durability::synced).has_value());
    ASSERT_TRUE(kv->flush().has_value());
    kv.reset();
    std::size_t tried = 0;
    for (const auto& path : files(".sst")) {
      const auto mapped = MappedFile::open(path).value();
      std::string octets(mapped.contents());
      if (octets.find(forged) == std::string::npos || TableRows(octets).facts().space != "body") continue;
      ++tried;
      octets[octets.size() - 1] = 'x';
      for (auto at = octets.find(forged); at != std::string::npos; at = octets.find(forged, at + 1))
        octets[at - 3] = 'x';
      TableRows damaged(octets);
      while (const auto row = damaged.next())
        EXPECT_FALSE(row->key.size() == 6 && row->value.starts_with("entry "));
      EXPECT_FALSE(damaged.damages().empty());
    }
    EXPECT_GT(tried, 0U);
  });
}

TEST_F(Rebuild, WithoutAListOfTablesTheNewestOfEachKeyCounts) {
  in_child([&] {
    make();
    fs::remove(manifest());
    fs::remove(directory / "db" / "CURRENT");
    const auto rebuilt = rebuild_it();
    EXPECT_TRUE(rebuilt.list_lost);
    EXPECT_EQ(rows, expected());
  });
}

TEST_F(Rebuild, WhatAWholeListDoesNotNameIsAnOlderCopy) {
  in_child([&] {
    make();
    // As if the engine had had no time to remove it: all rows that it once had.
    const auto table = files(".sst").back();
    fs::copy(table, directory / "db" / "000002.sst");
    const auto rebuilt = rebuild_it();
    EXPECT_THAT(rebuilt.left_out, testing::ElementsAre(directory / "db" / "000002.sst"));
    EXPECT_TRUE(rebuilt.faults.empty());
    EXPECT_EQ(rows, expected());
  });
}

TEST_F(Rebuild, LargeValuesWhoseTableIsLostAreFoundByTheirKeys) {
  in_child([&] {
    make();
    for (const auto& path : files(".sst")) {
      if (TableRows(MappedFile::open(path).value().contents()).facts().space == "body") fs::remove(path);
    }
    const auto rebuilt = rebuild_it();
    EXPECT_FALSE(rebuilt.faults.empty());
    const auto wanted = expected();
    for (const auto& [name, value] : wanted) {
      if (name.front() == '1' && value.size() < kBodyOctets && name < "1" + key(kInTables)) continue;
      EXPECT_TRUE(rows.contains(name)) << name;
      if (rows.contains(name)) EXPECT_EQ(rows.at(name), value) << name;
    }
  });
}

TEST_F(Rebuild, ADamagedLargeValueAloneIsLost) {
  in_child([&] {
    make();
    const auto path = files(".blob").front();
    flip(path, fs::file_size(path) / 2);
    const auto rebuilt = rebuild_it();
    ASSERT_EQ(rebuilt.faults.size(), 1U);
    EXPECT_EQ(rebuilt.faults.front().file, path);
    EXPECT_EQ(rebuilt.faults.front().values, 1U);
    auto wanted = expected();
    wanted.erase("1" + rebuilt.faults.front().after);
    EXPECT_EQ(rows, wanted);
  });
}

TEST_F(Rebuild, ATableOfAnotherDatabaseIsNotTaken) {
  in_child([&] {
    make();
    const fs::path own = directory, other = directory.string() + ".other";
    fs::rename(own, other);
    make();
    const auto names = files(".sst");
    const auto swapped = names[names.size() / 2];
    fs::copy(other / "db" / swapped.filename(), swapped, fs::copy_options::overwrite_existing);
    fs::remove_all(other);
    const auto rebuilt = rebuild_it();
    ASSERT_FALSE(rebuilt.faults.empty());
    EXPECT_EQ(rebuilt.faults.front().file, swapped);
    EXPECT_THAT(rebuilt.faults.front().reason, testing::HasSubstr("of another database"));
    EXPECT_THAT(rebuilt.left_out, testing::ElementsAre(swapped));
  });
}

}  // namespace
}  // namespace hikyaku::io
