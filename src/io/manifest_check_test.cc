#include "io/manifest_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "base/crc32c.h"
#include "io/log_format.h"

namespace hikyaku::io {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Optional;

class ManifestCheck : public testing::Test {
 protected:
  void SetUp() override {
    db = fs::temp_directory_path() / ("hikyaku-manifest-" + std::to_string(::getpid()));
    fs::remove_all(db);
    fs::create_directories(db);
    for (int i = 0; i < 3; ++i) log_format::append_record(manifest, std::string(100, 'e'));
    header.manifests = {{5, manifest.size(), crc32c(manifest)}};
    header.identity = crc32c("an id");
    write("IDENTITY", "an id");
    write("CURRENT", "MANIFEST-000005\n");
    write("MANIFEST-000005", manifest);
  }
  void TearDown() override { fs::remove_all(db); }
  void write(const char* name, const std::string& octets) const {
    std::ofstream(db / name, std::ios::binary | std::ios::trunc) << octets;
  }
  auto fault() const { return manifest_fault(db, header); }
  fs::path db;
  std::string manifest;
  DatabaseHeader header;
};

TEST_F(ManifestCheck, OneThatIsAsItWasSyncedOrLongerIsWhole) {
  EXPECT_EQ(fault(), std::nullopt);
  write("MANIFEST-000005", manifest + "written, and not yet noted");
  EXPECT_EQ(fault(), std::nullopt);
}

TEST_F(ManifestCheck, WhatFollowsBehindWhatIsKnownAndIsNoWholeRecordIsUnfinished) {
  EXPECT_EQ(unfinished_manifest(db, header), std::nullopt);
  auto longer = manifest;
  log_format::append_record(longer, std::string(100, 'f'));
  for (auto octets = manifest.size() + 1; octets < longer.size(); ++octets) {
    write("MANIFEST-000005", longer.substr(0, octets));
    EXPECT_THAT(unfinished_manifest(db, header), Optional(manifest.size())) << octets;
    write("MANIFEST-000005", longer.substr(0, octets) + std::string(longer.size() - octets, '\0'));
    EXPECT_THAT(unfinished_manifest(db, header), Optional(manifest.size())) << octets << " and zeros";
  }
  write("MANIFEST-000005", longer);
  EXPECT_EQ(unfinished_manifest(db, header), std::nullopt) << "written, and not yet noted";
  auto damaged = longer;
  damaged[manifest.size() - 1] = 'x';
  write("MANIFEST-000005", damaged);
  EXPECT_EQ(unfinished_manifest(db, header), std::nullopt) << "a damage, which is told";
}

TEST_F(ManifestCheck, AnyCutIsNamed) {
  for (std::size_t octets = 0; octets < manifest.size(); ++octets) {
    write("MANIFEST-000005", manifest.substr(0, octets));
    EXPECT_THAT(fault(), Optional(HasSubstr("MANIFEST-000005: the list of tables ends at offset " +
                                            std::to_string(octets))))
        << octets;
  }
}

TEST_F(ManifestCheck, ADamageIsNamedWithTheRecordThatItIsIn) {
  for (std::size_t at = 0; at < manifest.size(); ++at) {
    auto damaged = manifest;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    write("MANIFEST-000005", damaged);
    EXPECT_THAT(fault(), Optional(HasSubstr("damaged at offset " + std::to_string(at / 107 * 107)))) << at;
  }
}

TEST_F(ManifestCheck, AnotherDatabasesIsNamed) {
  std::string other;
  for (int i = 0; i < 3; ++i) log_format::append_record(other, std::string(100, 'o'));
  write("MANIFEST-000005", other);
  EXPECT_THAT(fault(), Optional(HasSubstr("MANIFEST-000005: the list of tables is not the one")));
}

TEST_F(ManifestCheck, ACurrentThatNamesNothingOrAnotherIsNamed) {
  for (const auto* text : {"", "MANIFEST-000005", "MANIFEST-000004\n", "MANIFEST-00000x\n", "rubbish\n"}) {
    write("CURRENT", text);
    EXPECT_THAT(fault(), Optional(HasSubstr("CURRENT: "))) << text;
  }
  fs::remove(db / "CURRENT");
  EXPECT_THAT(fault(), Optional(HasSubstr("CURRENT: missing; it names the list of tables MANIFEST-000005")));
}

TEST_F(ManifestCheck, WhileANewOneIsMadeEitherMayBeInUse) {
  write("MANIFEST-000009", "n");
  header.manifests.push_back({9, 1, crc32c("n")});
  EXPECT_EQ(fault(), std::nullopt);
  write("CURRENT", "MANIFEST-000009\n");
  EXPECT_EQ(fault(), std::nullopt);
}

TEST_F(ManifestCheck, AHeaderOfBeforeKnowsNothing) {
  header.manifests.clear();
  write("MANIFEST-000005", "");
  EXPECT_EQ(fault(), std::nullopt);
}

TEST_F(ManifestCheck, AHeaderIsForeignWhenNothingIsAsItSays) {
  LogReport log;
  log.state = LogReport::State::foreign;
  EXPECT_FALSE(header_is_foreign(db, header, {log}));
  write("IDENTITY", "another");
  EXPECT_FALSE(header_is_foreign(db, header, {log})) << "a lost IDENTITY is no harm";
  write("MANIFEST-000005", "another");
  EXPECT_TRUE(header_is_foreign(db, header, {log}));
  log.state = LogReport::State::ok;
  log.records = 1;
  EXPECT_FALSE(header_is_foreign(db, header, {log})) << "it knows the log";
}

}  // namespace
}  // namespace hikyaku::io
