#include "config/postfix_import.h"

#include <gtest/gtest.h>

#include <ostream>

namespace hikyaku::config {
namespace {

struct ImportCase {
  const char* name;
  std::string text, copy;
  std::string changed;  ///< the numbers of the lines
  friend void PrintTo(const ImportCase& row, std::ostream* out) { *out << row.name; }
};

std::string lines_of(const ImportedText& imported) {
  std::string numbers;
  for (const auto& change : imported.changes)
    numbers += (numbers.empty() ? "" : " ") + std::to_string(change.line) + (change.is.empty() ? "-" : "");
  return numbers;
}

class ImportMain : public testing::TestWithParam<ImportCase> {};
TEST_P(ImportMain, LeavesOutWhatIsPostfixesOwn) {
  const auto imported = import_main(GetParam().text, "/etc/postfix/", "/etc/hikyaku");
  EXPECT_EQ(imported.text, GetParam().copy);
  EXPECT_EQ(lines_of(imported), GetParam().changed);
}

const std::string kFolder = "# Not taken from Postfix: it is a folder of Postfix's; the hub has its own.\n";
INSTANTIATE_TEST_SUITE_P(
    , ImportMain,
    testing::Values(ImportCase{"nothing", "", "", ""},
                    ImportCase{"all_else_stays", "# a\n\nx = y\n  z\n", "# a\n\nx = y\n  z\n", ""},
                    ImportCase{"a_folder", "queue_directory=/q\n", kFolder + "#queue_directory=/q\n", "1-"},
                    ImportCase{"a_last_line_without_its_end", "queue_directory = /q",
                               kFolder + "#queue_directory = /q", "1-"},
                    ImportCase{"lines_that_continue_it", "a = b\ndata_directory =\n# c\n\n /d\nx = y\n",
                               "a = b\n" + kFolder + "#data_directory =\n# c\n\n# /d\nx = y\n", "2- 5-"},
                    ImportCase{"line_ends_stay", "data_directory = /d\r\nx = y\r\n",
                               kFolder + "#data_directory = /d\r\nx = y\r\n", "1-"},
                    ImportCase{"a_path", "t = hash:/etc/postfix/t\n", "t = hash:/etc/hikyaku/t\n", "1"},
                    ImportCase{"a_path_on_a_line_that_continues", "t =\n /etc/postfix/t,/etc/postfix/u\n",
                               "t =\n /etc/hikyaku/t,/etc/hikyaku/u\n", "2"},
                    ImportCase{"a_path_that_ends_so", "t = hash:/srv/etc/postfix/t\n",
                               "t = hash:/srv/etc/postfix/t\n", ""},
                    ImportCase{"the_folder_itself", "t = /etc/postfix\n", "t = /etc/postfix\n", ""},
                    ImportCase{"in_a_comment", "# /etc/postfix/t\n", "# /etc/postfix/t\n", ""}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(ImportMaster, MovesPathsAlone) {
  const auto imported = import_master("smtp inet n - n - - smtpd\n -o queue_directory=/etc/postfix/q\n",
                                      "/etc/postfix", "/etc/hikyaku");
  EXPECT_EQ(imported.text, "smtp inet n - n - - smtpd\n -o queue_directory=/etc/hikyaku/q\n");
  EXPECT_EQ(lines_of(imported), "2");
}

TEST(PostfixPackage, HasItsOwnFiles) {
  for (const auto* name : {"post-install", "main.cf.proto", "master.cf.dist", "postfix-files.d/lmdb"})
    EXPECT_TRUE(is_of_postfix_package(name)) << name;
  for (const auto* name : {"main.cf", "virtual", "sub/post-install", "sasl/smtpd.conf"})
    EXPECT_FALSE(is_of_postfix_package(name)) << name;
}

}  // namespace
}  // namespace hikyaku::config
