#include "ese/catalog.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "ese/synthetic_files.h"

namespace hikyaku::ese {
namespace {

// What is read from real databases is tested end to end (tests/e2e/test_ese.py).
TEST(Catalog, OfADatabaseWithoutOneIsRefused) {
  const auto path = std::filesystem::temp_directory_path() / ("hikyaku-ese-" + std::to_string(::getpid()));
  const std::string files[] = {"", "text", synthetic::Database{}.file(20), synthetic::Log{}.file()};
  for (const auto& file : files) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << file;
    const auto read = read_catalog(path.string(), ColumnNames::with, [](const Table&) {});
    EXPECT_FALSE(read);
    if (!read) EXPECT_EQ(read.error().fault, Fault::corrupt);
  }
  std::filesystem::remove(path);
  EXPECT_FALSE(read_catalog(path.string(), ColumnNames::with, [](const Table&) {}));
}

}  // namespace
}  // namespace hikyaku::ese
