#include "io/read_files.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace hikyaku::io {
namespace {

namespace fs = std::filesystem;

class ReadFilesTest : public testing::Test {
 protected:
  ReadFilesTest() { fs::create_directories(folder_); }
  ~ReadFilesTest() override { fs::remove_all(folder_); }
  fs::path file(const std::string& name, const std::string& octets) {
    std::ofstream(folder_ / name, std::ios::binary) << octets;
    return folder_ / name;
  }
  /// What comes of each file; a fault as "!" and its name.
  static std::vector<std::string> read(const std::vector<fs::path>& files) {
    std::vector<std::string> all(files.size());
    std::size_t ended = 0;
    ReadFiles reading(files);
    while (const auto piece = reading.next()) {
      EXPECT_EQ(piece->file, ended) << "one file after the other";
      if (!piece->last) EXPECT_EQ(piece->octets.size(), ReadFiles::kPiece);
      all[piece->file] += piece->octets;
      if (piece->fault) all[piece->file] += piece->fault->fault == Fault::not_found ? "!gone" : "!fault";
      if (piece->last) ++ended;
    }
    EXPECT_EQ(ended, files.size()) << "each ends";
    return all;
  }
  fs::path folder_ = fs::temp_directory_path() / ("hikyaku-read-files-" + std::to_string(::getpid()));
};

std::string some_octets(std::size_t size) {
  std::string octets(size, '\0');
  for (std::size_t i = 0; i < size; ++i) octets[i] = static_cast<char>(i * 7 + i / 4096);
  return octets;
}

TEST_F(ReadFilesTest, FilesComeWholeAndInOrder) {
  std::vector<std::string> contents;
  std::vector<fs::path> files;
  for (const auto size : {std::size_t{0}, std::size_t{1}, ReadFiles::kPiece - 1, ReadFiles::kPiece,
                          ReadFiles::kPiece + 1, ReadFiles::kPiece * 3, std::size_t{5}}) {
    contents.push_back(some_octets(size));
    files.push_back(file(std::to_string(files.size()), contents.back()));
  }
  EXPECT_TRUE(read(files) == contents);
  EXPECT_TRUE(read({}).empty());
}

TEST_F(ReadFilesTest, AFileThatCantBeReadIsNamedAndTheNextOneIsRead) {
  const auto first = file("first", "one"), third = file("third", "three");
  const auto expected = std::vector<std::string>{"one", "!gone", "!fault", "three"};
  EXPECT_EQ(read({first, folder_ / "second", folder_, third}), expected) << "a folder can't be read";
}

TEST_F(ReadFilesTest, TheCallerMayEndInTheMiddle) {
  const auto large = file("large", some_octets(ReadFiles::kPiece * 3));
  ReadFiles reading({large, large});
  const auto piece = reading.next();
  ASSERT_TRUE(piece);
  EXPECT_FALSE(piece->last);
}

}  // namespace
}  // namespace hikyaku::io
