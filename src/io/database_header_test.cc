#include "io/database_header.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/crc32c.h"

namespace hikyaku::io {
namespace {

using State = DatabaseHeader::State;
using Access = HeaderFile::Access;

TEST(DatabaseHeader, ACopyComesBackAndBeginsAsTheGoldenOneDoes) {
  DatabaseHeader header{State::dirty, 300, {{4, 7, 0}, {300, 0, 129}}};
  header.consistent = Time{std::chrono::microseconds{1}};
  header.full_backup = Time{std::chrono::microseconds{2}};
  header.manifests = {{5, 300, 1}};
  header.identity = 128;
  const auto copy = encode_header_copy(header, 7).value();
  EXPECT_EQ(copy.size(), 4096U);
  const std::string_view golden(
      "hikyaku database header\n\x03\x07\x02\xac\x02\x02\x04\x07\x00\xac\x02\x00\x81\x01\x01\x02\x00"
      "\x01\x05\xac\x02\x01\x80\x01",
      48);
  EXPECT_EQ(copy.substr(0, golden.size()), golden);
  const auto back = decode_header_copy(copy).value();
  EXPECT_EQ(back.header, header);
  EXPECT_EQ(back.count, 7U);
}

TEST(DatabaseHeader, OneOfTheFirstFormatIsRead) {
  std::string copy("hikyaku database header\n\x01\x07\x02\xac\x02\x02\x04\xac\x02", 33);
  copy.resize(4092);
  const auto sum = crc32c(copy);
  for (unsigned shift = 0; shift < 32; shift += 8) copy += static_cast<char>(sum >> shift & 0xff);
  const auto back = decode_header_copy(copy).value();
  EXPECT_EQ(back.header, (DatabaseHeader{State::dirty, 300, {{4, 0, 0}, {300, 0, 0}}}));
  EXPECT_EQ(back.count, 7U);
}

TEST(DatabaseHeader, OneOfTheSecondFormatIsRead) {
  std::string copy("hikyaku database header\n\x02\x07\x02\xac\x02\x01\x04\x07\x00\x01\x02\x00", 36);
  copy.resize(4092);
  const auto sum = crc32c(copy);
  for (unsigned shift = 0; shift < 32; shift += 8) copy += static_cast<char>(sum >> shift & 0xff);
  DatabaseHeader header{State::dirty, 300, {{4, 7, 0}}};
  header.consistent = Time{std::chrono::microseconds{1}};
  header.full_backup = Time{std::chrono::microseconds{2}};
  EXPECT_EQ(decode_header_copy(copy).value().header, header);
}

TEST(DatabaseHeader, NoCutOrFlippedBitPasses) {
  const auto copy = encode_header_copy({State::clean, 1, {{1}, {2}, {3}}}, 1).value();
  for (std::size_t at = 0; at < copy.size(); ++at) {
    auto damaged = copy;
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << at % 8));
    EXPECT_FALSE(decode_header_copy(damaged).has_value()) << at;
    EXPECT_FALSE(decode_header_copy(copy.substr(0, at)).has_value()) << at;
  }
}

TEST(DatabaseHeader, MoreLogsThanFitAreRefused) {
  DatabaseHeader header{State::dirty, 1, {}};
  for (std::uint64_t log = 1'000'000; log < 1'002'000; ++log) header.logs.push_back({log});
  EXPECT_FALSE(encode_header_copy(header, 1).has_value());
}

class HeaderFileTest : public testing::Test {
 protected:
  void SetUp() override {
    path = std::filesystem::temp_directory_path() / ("hikyaku-header-" + std::to_string(::getpid()));
    std::filesystem::remove(path);
  }
  void TearDown() override { std::filesystem::remove(path); }
  void damage(std::streamoff at) const {
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(at);
    file << "??";
  }
  std::filesystem::path path;
};

/// The logs of the first copy, when the second is damaged, and the other way round.
TEST_F(HeaderFileTest, BothCopiesSayTheSameSoThatEitherMayBeDamaged) {
  {
    auto file = HeaderFile::open(path, Access::read_write, 5).value();
    EXPECT_EQ(file.header(), (DatabaseHeader{State::creating, 5, {}}));
    ASSERT_TRUE(file.store({State::dirty, 5, {{1}}}).has_value());
    ASSERT_TRUE(file.store({State::dirty, 5, {{1}, {2}}}).has_value());
  }
  const std::vector<CataloguedLog> both{{1}, {2}};
  EXPECT_EQ(HeaderFile::open(path, Access::read_only, 6).value().damage(), "");
  for (const std::streamoff copy : {0, 4096}) {
    damage(copy + 30);
    {
      auto file = HeaderFile::open(path, Access::read_write, 6).value();
      EXPECT_EQ(file.header().logs, both);
      EXPECT_THAT(file.damage(), testing::HasSubstr("offset " + std::to_string(copy)));
      ASSERT_TRUE(file.store(file.header()).has_value());
    }
    EXPECT_EQ(HeaderFile::open(path, Access::read_only, 6).value().damage(), "") << "a write mends it";
  }
  damage(30);
  damage(4096 + 30);
  EXPECT_EQ(HeaderFile::open(path, Access::read_write, 6).error().fault, Fault::corrupt);
}

/// As after a power failure between the two writes.
TEST_F(HeaderFileTest, TheNewerCopyCounts) {
  HeaderFile::open(path, Access::read_write, 5).value();
  const auto newer = encode_header_copy({State::dirty, 5, {{7}}}, 2).value();
  {
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    file << newer;
  }
  EXPECT_EQ(HeaderFile::open(path, Access::read_write, 6).value().header().logs,
            std::vector<CataloguedLog>{{7}});
}

TEST_F(HeaderFileTest, TheAcknowledgedSequenceIsKeptAndItsDamageIsOfNoConsequence) {
  {
    auto file = HeaderFile::open(path, Access::read_write, 5).value();
    EXPECT_EQ(file.acknowledged(), 0U);
    file.note_acknowledged(7);
    file.note_acknowledged(1234567890123);
    ASSERT_TRUE(file.store({State::dirty, 5, {{1}}}).has_value());
  }
  EXPECT_EQ(HeaderFile::open(path, Access::read_only, 6).value().acknowledged(), 1234567890123U);
  damage(8192 + 25);
  const auto file = HeaderFile::open(path, Access::read_only, 6).value();
  EXPECT_EQ(file.acknowledged(), 0U);
  EXPECT_EQ(file.header().signature, 5U);
}

TEST_F(HeaderFileTest, TheAcknowledgedSequenceIsStoredInTheGoldenForm) {
  HeaderFile::open(path, Access::read_write, 5).value().note_acknowledged(1234567890123);
  std::ifstream file(path, std::ios::binary);
  file.seekg(8192);
  std::string mark(65, '\0');
  file.read(mark.data(), static_cast<std::streamsize>(mark.size()));
  mark.resize(static_cast<std::size_t>(file.gcount()));
  std::string golden(
      "hikyaku acknowledged\n\x05"
      "\xcb\x89\xec\x8f\xf7\x23");
  golden.resize(60);
  golden += "\x8d\xe0\x1d\x12";
  EXPECT_EQ(mark, golden);
}

TEST_F(HeaderFileTest, AHeaderThatIsLostBesideADatabaseIsNotMadeAnewByItself) {
  const auto database = path.string() + "-database";
  std::filesystem::create_directories(database + "/db");
  for (const auto* name : {"/db/CURRENT", "/db/000012.log", "/db/000007.log", "/db/000013.sst"})
    std::ofstream(database + name) << "x";
  const std::filesystem::path header = database + "/header";
  EXPECT_EQ(HeaderFile::open(header, Access::read_write, 5).error().fault, Fault::corrupt) << "missing";
  EXPECT_FALSE(std::filesystem::exists(header));
  std::ofstream(header).flush();
  EXPECT_EQ(HeaderFile::open(header, Access::read_write, 5).error().fault, Fault::corrupt) << "empty";
  EXPECT_EQ(HeaderFile::open_lost(header, Access::read_write).value().header().logs,
            (std::vector<CataloguedLog>{{7}, {12}}));
  EXPECT_EQ(std::filesystem::file_size(header), 0U) << "only stored when that is wanted";
  std::filesystem::remove_all(database);
}

TEST_F(HeaderFileTest, OneProcessWritesAndAReaderKnowsOfIt) {
  EXPECT_EQ(HeaderFile::open(path, Access::read_only, 1).error().fault, Fault::not_found);
  {
    const auto writer = HeaderFile::open(path, Access::read_write, 1).value();
    EXPECT_EQ(HeaderFile::open(path, Access::read_write, 1).error().fault, Fault::temporary);
    EXPECT_TRUE(HeaderFile::open(path, Access::read_only, 1).value().beside_writer());
  }
  const auto reader = HeaderFile::open(path, Access::read_only, 1).value();
  EXPECT_FALSE(HeaderFile::open(path, Access::read_only, 1).value().beside_writer());
  EXPECT_EQ(HeaderFile::open(path, Access::read_write, 1).error().fault, Fault::temporary);
}

}  // namespace
}  // namespace hikyaku::io
