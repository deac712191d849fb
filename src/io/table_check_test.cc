#include "io/table_check.h"

#include "io/rocks_fixture.h"

namespace hikyaku::io {
namespace {

using namespace testing_support;
using testing::HasSubstr;

class TableCheck : public RocksFixture {
 protected:
  /// A database that was closed in order: all is in tables and value files.
  void fill() {
    in_child([this] {
      open();
      for (int i = 0; i < 200; ++i) ASSERT_TRUE(kv->commit(message(i), Kv::Durability::synced).has_value());
    });
  }
  std::vector<TableReport> bad() const {
    std::vector<TableReport> all;
    const auto reports = check_tables(directory, kSpaces, {}).value();
    for (const auto& report : reports) {
      if (!report.reason.empty()) all.push_back(report);
    }
    return all;
  }
  std::vector<fs::path> files(std::string_view extension) const {
    std::vector<fs::path> all;
    for (const auto& file : fs::directory_iterator(directory / "db")) {
      if (file.path().extension() == extension) all.push_back(file.path());
    }
    return all;
  }
};

TEST_F(TableCheck, AWholeDatabaseHasNoBadFile) {
  fill();
  in_child([this] {
    const auto reports = check_tables(directory, kSpaces, {}).value();
    EXPECT_EQ(reports.size(), files(".sst").size() + files(".blob").size());
    EXPECT_GE(files(".blob").size(), 1U) << "the test is about both kinds";
    EXPECT_TRUE(bad().empty());
  });
}

TEST_F(TableCheck, EachDamagedFileIsNamedAndTheOthersAreRead) {
  fill();
  const auto tables = files(".sst"), values = files(".blob");
  std::vector<fs::path> damaged{tables.at(0), values.at(0)};
  for (const auto& file : damaged) flip(file, fs::file_size(file) / 3);
  in_child([&] {
    const auto found = bad();
    ASSERT_EQ(found.size(), 2U);
    for (const auto& report : found) {
      EXPECT_TRUE(std::ranges::count(damaged, report.file) == 1) << report.file;
      EXPECT_THAT(report.reason, HasSubstr("checksum mismatch"));
    }
  });
}

TEST_F(TableCheck, ATableWhoseFormatIsDamagedIsNamedToAReader) {
  fill();
  constexpr std::size_t kFormatFromEnd = 12;  // before the eight octets that all tables end in
  for (const auto& table : files(".sst")) flip(table, fs::file_size(table) - kFormatFromEnd);
  const auto told = damaged_table_ends(directory);
  for (const auto& table : files(".sst")) EXPECT_THAT(told, HasSubstr(table.string()));
  in_child([&] {
    const auto opened = try_open();
    std::string text = opened ? "" : opened.error().text;
    if (opened) {
      const auto rows = kv->scan(kLedger, {}, {}, 1000);
      ASSERT_FALSE(rows.has_value());
      text = rows.error().text;
    }
    EXPECT_THAT(text, HasSubstr(".sst"));
  });
}

TEST_F(TableCheck, ACutTableIsNamed) {
  fill();
  const auto value = files(".blob").at(0);
  fs::resize_file(value, fs::file_size(value) - 100);
  in_child([&] {
    const auto reports = check_tables(directory, kSpaces, {});
    // The engine may notice by itself that it is short.
    if (!reports) {
      EXPECT_THAT(reports.error().text, HasSubstr(value.filename().string()));
      return;
    }
    ASSERT_EQ(bad().size(), 1U);
    EXPECT_EQ(bad()[0].file, value);
  });
}

TEST_F(TableCheck, TablesSoDamagedThatTheEngineDoesNotOpenAreAllNamed) {
  fill();
  const auto tables = files(".sst");
  ASSERT_GE(tables.size(), 2U);
  for (const auto& table : tables) {
    std::fstream file(table, std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(static_cast<std::streamoff>(fs::file_size(table)) - 40);
    file << std::string(40, 'x');
  }
  in_child([&] {
    for (const auto& table : tables) {
      const auto found = bad();
      EXPECT_TRUE(
          std::ranges::any_of(found, [&](const TableReport& report) { return report.file == table; }));
    }
  });
}

TEST_F(TableCheck, ADatabaseOfBeforeHasNoTablesOfItsNewSpaces) {
  in_child([this] {
    auto before = options();
    before.spaces.pop_back();
    ASSERT_TRUE(try_open(before).has_value());
    auto batch = message(1);
    std::erase_if(batch.writes, [](const Kv::Write& write) { return write.space == kLedger; });
    ASSERT_TRUE(kv->commit(std::move(batch), Kv::Durability::synced).has_value());
    kv.reset();
    EXPECT_TRUE(bad().empty());
  });
}

}  // namespace
}  // namespace hikyaku::io
