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

ImportedFiles of(const FileTexts& texts) { return import_files(texts, "/etc/postfix/", "/etc/hikyaku"); }

class ImportMain : public testing::TestWithParam<ImportCase> {};
TEST_P(ImportMain, LeavesOutWhatIsPostfixesOwn) {
  const auto imported = of({"main.cf", GetParam().text, "master.cf", ""}).main;
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
  const auto imported =
      of({"main.cf", "", "master.cf", "smtp inet n - n - - smtpd\n -o queue_directory=/etc/postfix/q\n"})
          .master;
  EXPECT_EQ(imported.text, "smtp inet n - n - - smtpd\n -o queue_directory=/etc/hikyaku/q\n");
  EXPECT_EQ(lines_of(imported), "2");
}

struct MilterCase {
  const char* name;
  std::string main, master;
  std::string main_copy, master_copy;  ///< empty: as it was
  friend void PrintTo(const MilterCase& row, std::ostream* out) { *out << row.name; }
};
class ImportMilters : public testing::TestWithParam<MilterCase> {};
TEST_P(ImportMilters, FindsThemWherePostfixDid) {
  const auto& row = GetParam();
  const auto copies = of({"main.cf", row.main, "master.cf", row.master});
  EXPECT_EQ(copies.main.text, row.main_copy.empty() ? row.main : row.main_copy);
  EXPECT_EQ(copies.master.text, row.master_copy.empty() ? row.master : row.master_copy);
  // What came out stays as it is, and the hub asks where Postfix did.
  SourceCatalogue sources;
  Diagnostics diagnostics;
  const auto files =
      read_files({"main.cf", copies.main.text, "master.cf", copies.master.text}, {}, sources, diagnostics);
  for (const auto& service : files.master.services()) {
    const auto& view = files.view(service);
    if (view.text("smtpd_milters").text.contains("/spool/"))
      EXPECT_FALSE(view.chroot().smtpd) << service.name;
    if (view.text("non_smtpd_milters").text.contains("/spool/"))
      EXPECT_FALSE(view.chroot().cleanup) << service.name;
  }
}

const std::string kNo = "smtp inet n - n - - smtpd\n", kYes = "smtp inet n - y - - smtpd\n";
const std::string kNoCleanup = "cleanup unix n - n - 0 cleanup\n",
                  kYesCleanup = "cleanup unix n - y - 0 cleanup\n";
INSTANTIATE_TEST_SUITE_P(
    , ImportMilters,
    testing::Values(
        MilterCase{"none", "smtpd_milters = inet:a:1\n", kYes + kYesCleanup, "", ""},
        MilterCase{"a_relative_path", "smtpd_milters = unix:a/b, local:c\n", kNo,
                   "smtpd_milters = unix:/var/spool/postfix/a/b, local:/var/spool/postfix/c\n", ""},
        MilterCase{"an_absolute_path", "smtpd_milters = unix:/run/a\n", kNo, "", ""},
        MilterCase{"an_absolute_path_of_chrooted_ones", "smtpd_milters = unix:/a/b\n", kYes,
                   "smtpd_milters = unix:/var/spool/postfix/a/b\n", kNo},
        MilterCase{"a_relative_path_of_chrooted_ones", "smtpd_milters = unix:a\n", kYes,
                   "smtpd_milters = unix:/var/spool/postfix/a\n", kNo},
        MilterCase{"not_told_is_chrooted_in_an_old_one", "smtpd_milters = unix:/a\n",
                   "smtp inet n - - - - smtpd\n", "smtpd_milters = unix:/var/spool/postfix/a\n", kNo},
        MilterCase{"not_told_is_not_chrooted_in_a_new_one",
                   "compatibility_level = 2\nsmtpd_milters = unix:/a\n", "smtp inet n - - - - smtpd\n", "",
                   ""},
        MilterCase{"each_setting_by_its_daemon", "smtpd_milters = unix:/a\nnon_smtpd_milters = unix:/b\n",
                   kYes + kNoCleanup,
                   "smtpd_milters = unix:/var/spool/postfix/a\nnon_smtpd_milters = unix:/b\n",
                   kNo + kNoCleanup},
        MilterCase{"mail_that_comes_otherwise", "non_smtpd_milters = unix:/b\n", kYes + kYesCleanup,
                   "non_smtpd_milters = unix:/var/spool/postfix/b\n", kYes + kNoCleanup},
        MilterCase{
            "in_braces_and_on_lines_that_continue",
            "smtpd_milters =\n  { unix:a, default_action=accept },\n# unix:c\n  {local:b}\nx = unix:c\n", kNo,
            "smtpd_milters =\n  { unix:/var/spool/postfix/a, default_action=accept },\n# unix:c\n"
            "  {local:/var/spool/postfix/b}\nx = unix:c\n",
            ""},
        MilterCase{
            "what_a_setting_refers_to",
            "mine = unix:a\nsmtpd_milters = ${mine}\nnon_smtpd_milters = $smtpd_milters\n", kNo,
            "mine = unix:/var/spool/postfix/a\nsmtpd_milters = ${mine}\nnon_smtpd_milters = $smtpd_milters\n",
            ""},
        MilterCase{"another_queue_directory", "queue_directory = /q/spool\nsmtpd_milters = unix:a\n", kNo,
                   kFolder + "#queue_directory = /q/spool\nsmtpd_milters = unix:/q/spool/a\n", ""},
        MilterCase{
            "queue_directory_by_name",
            "smtpd_milters = unix:$queue_directory/a unix:${queue_directory}/b,unix:$(queue_directory)/c\n",
            kNo,
            "smtpd_milters = unix:/var/spool/postfix/a unix:/var/spool/postfix/b,unix:/var/spool/postfix/c\n",
            ""},
        MilterCase{"another_folder_by_name",
                   "run = /run\nlow = x\nsmtpd_milters = unix:$run/a unix:$low/b unix:$no/c\n", kYes,
                   "run = /run\nlow = x\nsmtpd_milters = unix:/var/spool/postfix$run/a "
                   "unix:/var/spool/postfix/$low/b "
                   "unix:$no/c\n",
                   kNo},
        MilterCase{"overrides", "",
                   "smtp inet n - y - - smtpd\n -o smtpd_milters=unix:/a,unix:b\n -ocontent_filter=unix:c\n"
                   " -osmtpd_milters=unix:d -v\n",
                   "",
                   "smtp inet n - n - - smtpd\n -o "
                   "smtpd_milters=unix:/var/spool/postfix/a,unix:/var/spool/postfix/b\n"
                   " -ocontent_filter=unix:c\n -osmtpd_milters=unix:/var/spool/postfix/d -v\n"},
        MilterCase{"overrides_in_braces", "",
                   "smtp inet n - n - - smtpd -o { smtpd_milters = { unix:a,\n   default_action=accept }\n "
                   "unix:b } -o x=unix:c\n",
                   "",
                   "smtp inet n - n - - smtpd -o { smtpd_milters = { unix:/var/spool/postfix/a,\n"
                   "   default_action=accept }\n unix:/var/spool/postfix/b } -o x=unix:c\n"},
        MilterCase{"overrides_of_a_client", "", "out unix - - y - - smtp -o smtpd_milters=unix:a\n", "", ""},
        MilterCase{"where_one_of_two_is_chrooted", "smtpd_milters = unix:/a\n",
                   kYes + "587 inet n - n - - smtpd\n", "smtpd_milters = unix:/var/spool/postfix/a\n",
                   kNo + "587 inet n - n - - smtpd\n"},
        MilterCase{"where_the_other_has_its_own", "smtpd_milters = unix:/a\n",
                   kNo + "587 inet n - y - - smtpd -o smtpd_milters=unix:/b\n", "",
                   kNo + "587 inet n - n - - smtpd -o smtpd_milters=unix:/var/spool/postfix/b\n"},
        MilterCase{"where_the_other_has_none", "smtpd_milters = unix:/a\n",
                   kNo + "587 inet n - y - - smtpd -o smtpd_milters=\n", "", ""}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(ImportOfMilters, EachLineSaysWhy) {
  const auto copies = of({"main.cf", "smtpd_milters = unix:/a\n", "master.cf", kYes});
  ASSERT_EQ(copies.main.changes.size(), 1u);
  EXPECT_EQ(copies.main.changes[0].why, "its filter listens below Postfix's queue_directory");
  ASSERT_EQ(copies.master.changes.size(), 1u);
  EXPECT_EQ(copies.master.changes[0].why, "the hub finds its filters by whole paths");
}

TEST(PostfixPackage, HasItsOwnFiles) {
  for (const auto* name : {"post-install", "main.cf.proto", "master.cf.dist", "postfix-files.d/lmdb"})
    EXPECT_TRUE(is_of_postfix_package(name)) << name;
  for (const auto* name : {"main.cf", "virtual", "sub/post-install", "sasl/smtpd.conf"})
    EXPECT_FALSE(is_of_postfix_package(name)) << name;
}

}  // namespace
}  // namespace hikyaku::config
