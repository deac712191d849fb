#include "io/file_blob.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace hikyaku::io {
namespace {

class FileBlobTest : public testing::Test {
 protected:
  void SetUp() override {
    directory =
        std::filesystem::temp_directory_path() / ("hikyaku-blobs-" + std::to_string(::getpid())) / "blobs";
    std::filesystem::remove_all(directory.parent_path());
    blob = FileBlob::open(directory).value();
  }
  void TearDown() override { std::filesystem::remove_all(directory.parent_path()); }
  void put(std::string_view name, std::string_view octets) const {
    auto writer = blob->put(name).value();
    ASSERT_TRUE(writer->write(octets).has_value());
    ASSERT_TRUE(writer->finish().has_value());
  }
  std::size_t files() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(directory), {}));
  }
  std::filesystem::path directory;
  std::unique_ptr<FileBlob> blob;
};

TEST_F(FileBlobTest, AFinishedBlobIsReadInPartsAndAfterReopening) {
  put("a.b_c-1", "0123456789");
  blob = FileBlob::open(directory).value();
  EXPECT_EQ(blob->get("a.b_c-1", 0, 100).value(), "0123456789");
  EXPECT_EQ(blob->get("a.b_c-1", 3, 4).value(), "3456");
  EXPECT_EQ(blob->get("a.b_c-1", 10, 4).value(), "");
  EXPECT_EQ(blob->names().value(), std::vector<std::string>{"a.b_c-1"});
}

TEST_F(FileBlobTest, WhatIsBeingWrittenCanBeReadBack) {
  auto writer = blob->put("x").value();
  EXPECT_EQ(writer->read_back(0, 9).value(), "");
  ASSERT_TRUE(writer->write("01234").has_value());
  ASSERT_TRUE(writer->write("56789").has_value());
  EXPECT_EQ(writer->read_back(3, 4).value(), "3456");
  EXPECT_EQ(writer->read_back(8, 100).value(), "89");
  EXPECT_EQ(writer->read_back(10, 1).value(), "");
  ASSERT_TRUE(writer->write("x").has_value()) << "reading moves nothing";
  ASSERT_TRUE(writer->finish().has_value());
  EXPECT_EQ(blob->get("x", 0, 100).value(), "0123456789x");
}

TEST_F(FileBlobTest, AnUnfinishedBlobLeavesNothingBehind) {
  {
    auto writer = blob->put("x").value();
    ASSERT_TRUE(writer->write("half").has_value());
    EXPECT_EQ(blob->get("x", 0, 9).error().fault, Fault::not_found);
    EXPECT_TRUE(blob->names().value().empty());
  }
  EXPECT_EQ(files(), 0U);
  auto left_by_a_crash = blob->put("y").value().release();
  const auto reopened = FileBlob::open(directory).value();
  EXPECT_EQ(files(), 0U);
  delete left_by_a_crash;
}

TEST_F(FileBlobTest, ADamageIsSeenAtEachOctetAndCut) {
  const std::string body(300, 'b');
  put("x", body);
  const auto path = directory / "x";
  std::string octets(std::filesystem::file_size(path), '\0');
  ASSERT_EQ(octets.size(), body.size() + 32);
  std::ifstream(path, std::ios::binary).read(octets.data(), static_cast<std::streamsize>(octets.size()));
  EXPECT_TRUE(blob->verify("x").has_value());
  for (std::size_t at = 0; at < octets.size(); ++at) {
    auto changed = octets;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    std::ofstream(path, std::ios::binary | std::ios::trunc) << changed;
    EXPECT_EQ(blob->verify("x").error().fault, Fault::corrupt) << at;
    EXPECT_EQ(blob->get("x", 0, 1000).value().size(), body.size()) << at;
    std::ofstream(path, std::ios::binary | std::ios::trunc) << octets.substr(0, at);
    const bool seen = !blob->verify("x") || !check_blob_size(*blob, "x", body.size());
    // Cut to just its octets it looks like one of before, and is whole.
    EXPECT_EQ(seen, at != body.size()) << at;
  }
}

TEST_F(FileBlobTest, AnOlderFileWithoutAChecksumIsRead) {
  std::ofstream(directory / "old", std::ios::binary) << "older octets";
  EXPECT_EQ(blob->get("old", 0, 100).value(), "older octets");
  EXPECT_EQ(blob->get("old", 6, 100).value(), "octets");
  EXPECT_TRUE(blob->verify("old").has_value());
}

TEST_F(FileBlobTest, RemovingWhatIsNotThereIsNoError) {
  put("x", "1");
  EXPECT_TRUE(blob->remove("x").has_value());
  EXPECT_TRUE(blob->remove("x").has_value());
  EXPECT_EQ(blob->get("x", 0, 1).error().fault, Fault::not_found);
}

TEST_F(FileBlobTest, NamesThatCouldLeaveTheFolderAreRefused) {
  for (const std::string& name : std::vector<std::string>{"", ".", "..", "../x", "a/b", ".unfinished-x",
                                                          "a b", std::string(101, 'a')}) {
    EXPECT_EQ(blob->put(name).error().fault, Fault::malformed) << name;
    EXPECT_EQ(blob->get(name, 0, 1).error().fault, Fault::malformed) << name;
    EXPECT_EQ(blob->remove(name).error().fault, Fault::malformed) << name;
  }
}

TEST_F(FileBlobTest, ReadingAloneNeitherMakesNorRemoves) {
  const auto unfinished = blob->put("x").value();
  const auto reader = FileBlob::open_read_only(directory).value();
  EXPECT_EQ(files(), 1U);
  EXPECT_FALSE(FileBlob::open_read_only(directory / "none").has_value());
}

}  // namespace
}  // namespace hikyaku::io
