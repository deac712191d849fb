#include "serve/database_folder.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace hikyaku::serve {
namespace {

namespace fs = std::filesystem;

class PutInPlace : public testing::Test {
 protected:
  void SetUp() override { fs::create_directories(at); }
  void TearDown() override { fs::remove_all(at); }
  static void make(const fs::path& folder, const std::string& what) {
    fs::create_directories(folder);
    std::ofstream(folder / "header") << what;
  }
  static std::string what_is_in(const fs::path& folder) {
    std::ifstream file(folder / "header");
    return {std::istreambuf_iterator<char>(file), {}};
  }
  const fs::path at = fs::temp_directory_path() / ("hikyaku-place-" + std::to_string(::getpid()));
  const fs::path place = at / "default", made = at / "default.restoring-1", aside = at / "default.before-1";
};

TEST_F(PutInPlace, TheOldOneIsKeptUnderItsNewName) {
  make(place, "old");
  make(made, "new");
  EXPECT_EQ(put_in_place(place, made, aside).value(), aside);
  EXPECT_EQ(what_is_in(place), "new");
  EXPECT_EQ(what_is_in(aside), "old");
  EXPECT_FALSE(fs::exists(made));
}

TEST_F(PutInPlace, WhereThereWasNoneNothingIsPutAside) {
  make(made, "new");
  EXPECT_EQ(put_in_place(place, made, aside).value(), fs::path());
  EXPECT_EQ(what_is_in(place), "new");
  EXPECT_FALSE(fs::exists(made) || fs::exists(aside));
}

TEST_F(PutInPlace, WhenItFailsAllIsAsBefore) {
  make(place, "old");
  EXPECT_FALSE(put_in_place(place, made, aside));
  make(made, "new");
  make(aside, "another");
  EXPECT_FALSE(put_in_place(place, made, aside));
  EXPECT_EQ(what_is_in(place), "old");
  EXPECT_EQ(what_is_in(made), "new");
  EXPECT_EQ(what_is_in(aside), "another");
}

TEST(BesideADatabase, NamesAreKnownAgain) {
  const fs::path database = "/var/lib/hikyaku/mailboxes/default";
  for (const auto what : {beside::kRestoring, beside::kBeforeRestore, beside::kRepairing, beside::kRepaired,
                          beside::kBeforeRepair})
    EXPECT_TRUE(is_beside_a_database(folder_beside(database, what, Time{}))) << what;
  EXPECT_FALSE(is_beside_a_database(database));
}

}  // namespace
}  // namespace hikyaku::serve
