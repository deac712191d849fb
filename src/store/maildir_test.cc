#include "store/maildir.h"

#include <gtest/gtest.h>

#include "store/folder_file.h"
#include "store/modified_utf7.h"

namespace hikyaku::store {
namespace {

using record::Flags;

struct NameCase {
  const char* name;
  std::string_view file;
  std::int64_t seconds;  // 0: none
  Flags flags = {};
  bool passed = false;
  std::string_view letters = {};
};
void PrintTo(const NameCase& row, std::ostream* out) { *out << row.name; }

class MaildirNameTest : public testing::TestWithParam<NameCase> {};

TEST_P(MaildirNameTest, SaysWhatItsMessageIs) {
  const auto& row = GetParam();
  const auto name = MaildirName::parse(row.file);
  EXPECT_EQ(name.received.has_value(), row.seconds != 0);
  if (name.received) EXPECT_EQ(*name.received, Time{std::chrono::seconds{row.seconds}});
  EXPECT_EQ(name.flags, row.flags);
  EXPECT_EQ(name.passed, row.passed);
  EXPECT_EQ(name.letters, row.letters);
}

constexpr Flags kAll{.seen = true, .answered = true, .flagged = true, .deleted = true, .draft = true};
INSTANTIATE_TEST_SUITE_P(
    , MaildirNameTest,
    testing::Values(
        NameCase{"new_mail", "1795564100.M20P7.host", 1'795'564'100},
        NameCase{"no_flags", "1795564100.x.host:2,", 1'795'564'100},
        NameCase{"all_flags", "1795564100.x.host:2,DFPRST", 1'795'564'100, kAll, true},
        NameCase{"sizes_of_dovecot", "1795564100.x.host,S=812,W=830:2,S", 1'795'564'100, {.seen = true}},
        NameCase{"keywords", "1795564100.x.host:2,Sab", 1'795'564'100, {.seen = true}, false, "ab"},
        NameCase{"a_letter_twice", "1795564100.x.host:2,aa", 1'795'564'100, {}, false, "a"},
        NameCase{"other_letters", "1795564100.x.host:2,9XS", 1'795'564'100, {.seen = true}},
        NameCase{"fields_behind_the_flags", "1795564100.x.host:2,S,a", 1'795'564'100, {.seen = true}},
        NameCase{"an_experimental_info", "1795564100.x.host:1,S", 1'795'564'100},
        NameCase{"no_time", "msg.abc:2,S", 0, {.seen = true}},
        NameCase{"a_number_that_is_no_time", "17.x", 17}, NameCase{"a_number_alone", "1795564100", 0},
        NameCase{"a_time_past_all_years", "999999999999999.x", 0}, NameCase{"nothing", "", 0}),
    [](const auto& row) { return std::string(row.param.name); });

struct KeywordsCase {
  const char* name;
  std::string_view file, again;
};
void PrintTo(const KeywordsCase& row, std::ostream* out) { *out << row.name; }

class MaildirKeywordsTest : public testing::TestWithParam<KeywordsCase> {};

TEST_P(MaildirKeywordsTest, AreReadAndWritten) {
  const auto keywords = MaildirKeywords::parse(GetParam().file);
  EXPECT_EQ(keywords.text(), GetParam().again);
  EXPECT_EQ(MaildirKeywords::parse(keywords.text()).text(), GetParam().again);
}

INSTANTIATE_TEST_SUITE_P(
    , MaildirKeywordsTest,
    testing::Values(KeywordsCase{"two", "0 $Forwarded\n1 work\n", "0 $Forwarded\n1 work\n"},
                    KeywordsCase{"a_gap", "3 work", "3 work\n"},
                    KeywordsCase{"crlf", "0 work\r\n", "0 work\n"},
                    KeywordsCase{"out_of_range", "26 work\n-1 x\n99999999999999999999 y\n", ""},
                    KeywordsCase{"no_atoms", "0 a b\n1 \n2 (x\n", ""},
                    KeywordsCase{"rubbish", "\n\nabc\n0x work\n", ""}, KeywordsCase{"nothing", "", ""}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(MaildirKeywords, LettersAreGivenUntilThereAreNone) {
  auto keywords = MaildirKeywords::parse("1 work\n");
  EXPECT_EQ(keywords.letter("WORK"), 'b');
  EXPECT_EQ(keywords.letter("home"), 'a');
  EXPECT_EQ(keywords.word('a'), "home");
  EXPECT_EQ(keywords.word('c'), "");
  EXPECT_EQ(keywords.word('~'), "");
  for (int i = 0; i < 24; ++i) EXPECT_EQ(keywords.letter("k" + std::to_string(i)), 'c' + i);
  EXPECT_FALSE(keywords.letter("one-more").has_value());
  EXPECT_EQ(keywords.letter("k23"), 'z');
}

struct Utf7Case {
  const char* name;
  const char* utf8;  // null: what stands beside it is none
  std::string_view text;
};
void PrintTo(const Utf7Case& row, std::ostream* out) { *out << row.name; }

class ModifiedUtf7Test : public testing::TestWithParam<Utf7Case> {};

TEST_P(ModifiedUtf7Test, GoesBothWays) {
  const auto& row = GetParam();
  const auto utf8 = from_modified_utf7(row.text);
  ASSERT_EQ(utf8.has_value(), row.utf8 != nullptr);
  if (!utf8) return;
  EXPECT_EQ(*utf8, row.utf8);
  EXPECT_EQ(modified_utf7(row.utf8), row.text);
}

INSTANTIATE_TEST_SUITE_P(
    , ModifiedUtf7Test,
    testing::Values(Utf7Case{"ascii", "Archive 2026", "Archive 2026"}, Utf7Case{"ampersand", "R&D", "R&-D"},
                    Utf7Case{"of_rfc_3501", "~peter/mail/\u53f0\u5317/\u65e5\u672c\u8a9e",
                             "~peter/mail/&U,BTFw-/&ZeVnLIqe-"},
                    Utf7Case{"german", "Entw\u00fcrfe", "Entw&APw-rfe"},
                    Utf7Case{"a_surrogate_pair", "\U0001f600", "&2D3eAA-"},
                    Utf7Case{"half_a_pair", nullptr, "&2D0-"}, Utf7Case{"not_closed", nullptr, "a&APw"},
                    Utf7Case{"printable_ones_shifted", nullptr, "&AGE-"},
                    Utf7Case{"bits_left_over", nullptr, "&APx-"}, Utf7Case{"plain_utf8", nullptr, "\u00fc"}),
    [](const auto& row) { return std::string(row.param.name); });

struct FolderCase {
  const char* name;
  std::string_view below;
  std::string_view file;
};
void PrintTo(const FolderCase& row, std::ostream* out) { *out << row.name; }

class MaildirFolderTest : public testing::TestWithParam<FolderCase> {};

TEST_P(MaildirFolderTest, GoesBothWays) {
  const auto& row = GetParam();
  EXPECT_EQ(maildir_folder(row.below), row.file);
  EXPECT_EQ(below_of_maildir_folder(row.file), row.below);
}

INSTANTIATE_TEST_SUITE_P(
    , MaildirFolderTest,
    testing::Values(FolderCase{"one", "Sent", ".Sent"}, FolderCase{"two", "Archive/2026", ".Archive.2026"},
                    FolderCase{"a_dot", "v1.2", ".v1\\2e2"}, FolderCase{"a_backslash", "a\\b", ".a\\5cb"},
                    FolderCase{"not_ascii", "\u65e5\u672c\u8a9e/R&D", ".&ZeVnLIqe-.R&-D"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(MaildirFolder, NamesThatAreNone) {
  for (const auto* name : {"", ".", "..", "Sent", ".a..b", ".a.", ".a\\2fb"})
    EXPECT_FALSE(below_of_maildir_folder(name).has_value()) << name;
  EXPECT_EQ(below_of_maildir_folder(".Entw\u00fcrfe"), "Entw\u00fcrfe");
}

class FolderFileTest : public testing::TestWithParam<FolderCase> {};

TEST_P(FolderFileTest, GoesBothWays) {
  const auto& row = GetParam();
  EXPECT_EQ(folder_file(row.below), row.file);
  EXPECT_EQ(part_of_folder_file(row.file), row.below);
}

INSTANTIATE_TEST_SUITE_P(
    , FolderFileTest,
    testing::Values(FolderCase{"an_account", "joe@example.org", "joe@example.org"},
                    FolderCase{"a_slash", "a/b@c", "a\\2fb@c"}, FolderCase{"a_backslash", "a\\b", "a\\5cb"},
                    FolderCase{"hidden", ".x", "\\2ex"}, FolderCase{"above", "..", "\\2e."},
                    FolderCase{"of_a_maildir", "cur", "\\63ur"}, FolderCase{"of_an_mbox", "mbox", "\\6dbox"},
                    FolderCase{"as_an_mbox", "old.mbox", "old\\2embox"},
                    FolderCase{"as_a_message", "7.eml", "7\\2eeml"},
                    FolderCase{"a_line_end", "a\nb", "a\\0ab"}),
    [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace hikyaku::store
