#include "smtp/reply.h"

#include <gtest/gtest.h>

namespace hikyaku::smtp {
namespace {

struct ReplyCase {
  const char* name;
  std::string_view line;
  Reply want;
};
void PrintTo(const ReplyCase& row, std::ostream* out) { *out << row.name; }
class ReplyParse : public testing::TestWithParam<ReplyCase> {};

TEST_P(ReplyParse, ReadsWhatAdministratorsWrite) {
  const auto reply = Reply::parse(GetParam().line);
  ASSERT_EQ(reply.has_value(), GetParam().want.code != 0);
  if (reply) {
    EXPECT_EQ(*reply, GetParam().want);
  }
}

INSTANTIATE_TEST_SUITE_P(
    , ReplyParse,
    testing::Values(ReplyCase{"all_parts", "550 5.1.1 no such user", {550, {5, 1, 1}, "no such user"}},
                    ReplyCase{"no_enhanced_code", "450 later", {450, {}, "later"}},
                    ReplyCase{"code_alone", "521", {521, {}, ""}},
                    ReplyCase{"enhanced_code_alone", "550 5.7.1", {550, {5, 7, 1}, ""}},
                    ReplyCase{"class_of_another_kind_is_text", "550 4.7.1 no", {550, {}, "4.7.1 no"}},
                    ReplyCase{"large_numbers", "550 5.999.999 no", {550, {5, 999, 999}, "no"}},
                    ReplyCase{"too_large_numbers_are_text", "550 5.1000.1 no", {550, {}, "5.1000.1 no"}},
                    ReplyCase{"a_version_is_text", "550 5.1 no", {550, {}, "5.1 no"}},
                    ReplyCase{"no_code", "no such user", {}}, ReplyCase{"two_digits", "55 no", {}},
                    ReplyCase{"code_too_low", "150 no", {}}, ReplyCase{"code_too_high", "600 no", {}},
                    ReplyCase{"four_digits", "5500 no", {}}, ReplyCase{"nothing", "", {}}),
    [](const auto& row) { return std::string(row.param.name); });

struct WireCase {
  const char* name;
  Reply reply;
  Reply::Octets octets;
  std::string want;
};
void PrintTo(const WireCase& row, std::ostream* out) { *out << row.name; }
class ReplyWire : public testing::TestWithParam<WireCase> {};

TEST_P(ReplyWire, IsLinesWithCrLf) {
  std::string out;
  GetParam().reply.append_to(out, GetParam().octets);
  EXPECT_EQ(out, GetParam().want);
}

INSTANTIATE_TEST_SUITE_P(
    , ReplyWire,
    testing::Values(
        WireCase{"one_line", {250, {2, 1, 0}, "Ok"}, Reply::Octets::ascii, "250 2.1.0 Ok\r\n"},
        WireCase{"no_enhanced_code", {220, {}, "mx"}, Reply::Octets::ascii, "220 mx\r\n"},
        WireCase{
            "more_lines", {550, {5, 7, 1}, "a\nb"}, Reply::Octets::ascii, "550-5.7.1 a\r\n550 5.7.1 b\r\n"},
        WireCase{"control_octets", {550, {}, "a\rb\tc\x7f"}, Reply::Octets::ascii, "550 a?b?c?\r\n"},
        WireCase{"no_utf8_unless_asked_for", {550, {}, "\xE7\x94\xB2"}, Reply::Octets::ascii, "550 ???\r\n"},
        WireCase{"utf8", {550, {}, "\xE7\x94\xB2"}, Reply::Octets::utf8, "550 \xE7\x94\xB2\r\n"},
        WireCase{"long_line_is_cut",
                 {550, {5, 1, 1}, std::string(600, 'x')},
                 Reply::Octets::ascii,
                 "550 5.1.1 " + std::string(500, 'x') + "\r\n"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(ReplyReader, PutsLinesTogether) {
  ReplyReader reader;
  EXPECT_EQ(reader.add("550-5.1.1 no such"), ReplyReader::State::more);
  EXPECT_EQ(reader.add("550-"), ReplyReader::State::more);
  EXPECT_EQ(reader.add("550 5.1.1 user"), ReplyReader::State::complete);
  EXPECT_EQ(reader.take(), (Reply{550, {5, 1, 1}, "no such\n\nuser"}));
  EXPECT_EQ(reader.add("354"), ReplyReader::State::complete);
  EXPECT_EQ(reader.take(), (Reply{354, {}, ""}));
}

TEST(ReplyReader, RefusesWhatIsNoReply) {
  for (const char* line : {"", "25", "250+x", "abc def", "999 x", "199 x"}) {
    ReplyReader reader;
    EXPECT_EQ(reader.add(line), ReplyReader::State::malformed) << line;
  }
  ReplyReader other_code;
  EXPECT_EQ(other_code.add("250-a"), ReplyReader::State::more);
  EXPECT_EQ(other_code.add("251 b"), ReplyReader::State::malformed);
}

TEST(ReplyReader, HasLimits) {
  ReplyReader long_line;
  EXPECT_EQ(long_line.add("250 " + std::string(3000, 'x')), ReplyReader::State::malformed);
  ReplyReader endless;
  int lines = 0;
  while (endless.add("250-x") == ReplyReader::State::more) ++lines;
  EXPECT_EQ(lines, 500);
}

}  // namespace
}  // namespace hikyaku::smtp
