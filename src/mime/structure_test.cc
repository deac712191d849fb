#include "mime/structure.h"

#include <gtest/gtest.h>

#include "mime/any_cuts_for_tests.h"
#include "mime/structure_trace_for_tests.h"

namespace hikyaku::mime {
namespace {

StructureTrace read(const std::vector<std::string_view>& pieces, const StructureLimits& limits = {}) {
  StructureTrace trace;
  StructureReader reader(trace, limits);
  for (const auto piece : pieces) reader.feed(piece);
  reader.finish();
  return trace;
}

struct StructureCase {
  const char* name;
  std::string message, trace;
};
void PrintTo(const StructureCase& row, std::ostream* out) { *out << row.name; }
class StructureTest : public testing::TestWithParam<StructureCase> {};

TEST_P(StructureTest, TellsTheSameInAnyCutsAndLosesNoOctet) {
  const auto& row = GetParam();
  for (const auto& pieces : any_cuts(row.message)) {
    const auto told = read(pieces);
    ASSERT_EQ(told.trace, row.trace) << pieces.size() << " pieces";
    ASSERT_EQ(told.all, row.message);
    ASSERT_TRUE(told.in_order());
  }
}

const std::string kMixed = "Content-Type: multipart/mixed; boundary=\"b\"\r\n\r\n";

INSTANTIATE_TEST_SUITE_P(
    , StructureTest,
    testing::Values(
        StructureCase{"nothing_is_a_message_without_anything", "", "begin 1 text/plain leaf @0,0\nend 1 0\n"},
        StructureCase{"a_plain_message", "A: b\r\n c\r\n\r\nhi\r\n--\r\n",
                      "begin 1 text/plain leaf @0,12\nbody 1 hi\\x0d\\x0a--\\x0d\\x0a\nend 1 8\n"},
        StructureCase{"lines_that_end_in_lf", "A: b\n\nhi\n",
                      "begin 1 text/plain leaf @0,6\nbody 1 hi\\x0a\nend 1 3\n"},
        StructureCase{"a_header_section_alone", "A: b\r\n", "begin 1 text/plain leaf @0,6\nend 1 0\n"},
        StructureCase{"a_header_that_is_cut", "A: b", "begin 1 text/plain leaf @0,4\nend 1 0\n"},
        StructureCase{"a_body_alone", "\r\nhi", "begin 1 text/plain leaf @0,2\nbody 1 hi\nend 1 2\n"},
        StructureCase{"a_line_of_a_mailbox_file", "From a b\nA: b\n\nhi",
                      "begin 1 text/plain leaf @0,15\nbody 1 hi\nend 1 2\n"},
        StructureCase{"no_empty_line_before_the_body", "A: b\r\nhi there\r\nC: d\r\n",
                      "! separator_missing 1 @6\nbegin 1 text/plain leaf @0,6\nbody 1 hi there\\x0d\\x0aC: "
                      "d\\x0d\\x0a\nend 1 16\n"},
        StructureCase{
            "two_parts", kMixed + "pre\r\n--b\r\nA: 1\r\n\r\none\r\n--b\r\n\r\ntwo\r\n\r\n--b--\r\nepi\r\n",
            "begin 0 multipart/mixed multipart @0,47\npreamble 0 pre\nboundary 0 \\x0d\\x0a--b\\x0d\\x0a\n"
            "begin 1 text/plain leaf @57,65\nbody 1 one\nend 1 3\nboundary 0 \\x0d\\x0a--b\\x0d\\x0a\n"
            "begin 2 text/plain leaf @75,77\nbody 2 two\\x0d\\x0a\nend 2 5\nboundary 0 "
            "\\x0d\\x0a--b--\\x0d\\x0a\n"
            "epilogue 0 epi\\x0d\\x0a\nend 0 49\n"},
        StructureCase{
            "white_space_behind_a_boundary", kMixed + "--b \t\r\n\r\none\r\n--b--  ",
            "begin 0 multipart/mixed multipart @0,47\nboundary 0 --b \\x09\\x0d\\x0a\n"
            "begin 1 text/plain leaf @54,56\nbody 1 one\nend 1 3\nboundary 0 \\x0d\\x0a--b--  \nend 0 21\n"},
        StructureCase{
            "a_boundary_that_begins_with_another",
            "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: multipart/mixed; boundary=bb\n\n"
            "--bb\n\n1\n--bb--\n--b--\n",
            "begin 0 multipart/mixed multipart @0,43\nboundary 0 --b\\x0a\n"
            "begin 1 multipart/mixed multipart @47,91\nboundary 1 --bb\\x0a\n"
            "begin 1.1 text/plain leaf @96,97\nbody 1.1 1\nend 1.1 1\nboundary 1 \\x0a--bb--\\x0a\n"
            "end 1 15\nboundary 0 --b--\\x0a\nend 0 69\n"},
        StructureCase{
            "a_line_that_only_begins_as_a_boundary", kMixed + "--b\n\n--bc\n-- b\n--\n-\n\n--b--\n",
            "begin 0 multipart/mixed multipart @0,47\nboundary 0 --b\\x0a\nbegin 1 text/plain leaf @51,52\n"
            "body 1 --bc\\x0a-- b\\x0a--\\x0a-\\x0a\nend 1 15\nboundary 0 \\x0a--b--\\x0a\nend 0 27\n"},
        StructureCase{"no_closing_boundary", kMixed + "--b\r\n\r\none\r\n",
                      "begin 0 multipart/mixed multipart @0,47\nboundary 0 --b\\x0d\\x0a\nbegin 1 text/plain "
                      "leaf @52,54\n"
                      "body 1 one\\x0d\\x0a\nend 1 5\n! closing_missing 0 @59\nend 0 12\n"},
        StructureCase{
            "the_outer_boundary_ends_the_inner_parts",
            kMixed + "--b\nContent-Type: multipart/alternative; boundary=i\n\n--i\n\n1\n--b\n\n2\n--b--\n",
            "begin 0 multipart/mixed multipart @0,47\nboundary 0 --b\\x0a\n"
            "begin 1 multipart/alternative multipart @51,100\nboundary 1 --i\\x0a\n"
            "begin 1.1 text/plain leaf @104,105\nbody 1.1 1\nend 1.1 1\n! closing_missing 1 @106\nend 1 6\n"
            "boundary 0 \\x0a--b\\x0a\nbegin 2 text/plain leaf @111,112\nbody 2 2\nend 2 1\n"
            "boundary 0 \\x0a--b--\\x0a\nend 0 73\n"},
        StructureCase{"a_part_of_a_header_alone", kMixed + "--b\r\nA: 1\r\n--b--\r\n",
                      "begin 0 multipart/mixed multipart @0,47\nboundary 0 --b\\x0d\\x0a\nbegin 1 text/plain "
                      "leaf @52,58\n"
                      "end 1 0\nboundary 0 --b--\\x0d\\x0a\nend 0 18\n"},
        StructureCase{
            "a_message_in_a_message", "Content-Type: message/rfc822\n\nSubject: in\n\nhi",
            "begin 1 message/rfc822 message @0,30\nbegin 1.1 text/plain leaf @30,43\nbody 1.1 hi\nend 1.1 2\n"
            "end 1 15\n"},
        StructureCase{"a_digest_holds_messages",
                      "Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: in\n\nhi\n--b--\n",
                      "begin 0 multipart/digest multipart @0,44\nboundary 0 --b\\x0a\n"
                      "begin 1 message/rfc822 message @48,49\nbegin 1.1 text/plain leaf @49,62\nbody 1.1 "
                      "hi\nend 1.1 2\n"
                      "end 1 15\nboundary 0 \\x0a--b--\\x0a\nend 0 27\n"},
        StructureCase{
            "a_digest_whose_last_part_is_a_line_of_text",
            "Content-Type: multipart/digest; boundary=b\n\n--b\nepi",
            "begin 0 multipart/digest multipart @0,44\nboundary 0 --b\\x0a\n! separator_missing 1 @48\n"
            "begin 1 message/rfc822 message @48,48\n! separator_missing 1.1 @48\n"
            "begin 1.1 text/plain leaf @48,48\nbody 1.1 epi\nend 1.1 3\nend 1 3\n! closing_missing 0 "
            "@51\nend 0 7\n"},
        StructureCase{
            "a_message_of_parts_has_its_own_numbers",
            "Content-Type: multipart/digest; boundary=b\n\n--b\n\nContent-Type: multipart/mixed; "
            "boundary=c\n\n--c\n\nhi\n--c--\n--b--\n",
            "begin 0 multipart/digest multipart @0,44\nboundary 0 --b\\x0a\n"
            "begin 1 message/rfc822 message @48,49\nbegin 1.0 multipart/mixed multipart @49,92\n"
            "boundary 1.0 --c\\x0a\nbegin 1.1 text/plain leaf @96,97\nbody 1.1 hi\nend 1.1 2\n"
            "boundary 1.0 \\x0a--c--\\x0a\nend 1.0 14\nend 1 57\nboundary 0 --b--\\x0a\nend 0 68\n"},
        StructureCase{"a_message_that_is_encoded_is_content",
                      "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nQTo=",
                      "! message_encoded 1 @0\nbegin 1 message/rfc822 leaf @0,64\nbody 1 QTo=\nend 1 4\n"},
        StructureCase{
            "a_multipart_without_its_boundary_takes_the_first_that_looks_like_one",
            "Content-Type: multipart/mixed\n\nhi -- you\n--x\n\n1\n--x--\n",
            "! boundary_missing 0 @0\nbegin 0 multipart/mixed multipart @0,31\npreamble 0 hi -- you\n"
            "boundary 0 \\x0a--x\\x0a\nbegin 1 text/plain leaf @45,46\nbody 1 1\nend 1 1\n"
            "boundary 0 \\x0a--x--\\x0a\nend 0 23\n"},
        StructureCase{"a_multipart_in_which_no_boundary_stands", kMixed + "hi\r\n",
                      "begin 0 multipart/mixed multipart @0,47\npreamble 0 hi\\x0d\\x0a\n! "
                      "boundary_not_found 0 @51\nend 0 4\n"},
        StructureCase{
            "a_part_without_an_empty_line", kMixed + "--b\nhi\n--b--",
            "begin 0 multipart/mixed multipart @0,47\nboundary 0 --b\\x0a\n! separator_missing 1 @51\n"
            "begin 1 text/plain leaf @51,51\nbody 1 hi\nend 1 2\nboundary 0 \\x0a--b--\nend 0 12\n"},
        StructureCase{
            "returns_alone_are_content", kMixed + "--b\n\na\r\r\n--b--\r",
            "begin 0 multipart/mixed multipart @0,47\nboundary 0 --b\\x0a\nbegin 1 text/plain leaf @51,52\n"
            "body 1 a\\x0d\nend 1 2\nboundary 0 \\x0d\\x0a--b--\\x0d\nend 0 15\n"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(StructureLimits, HeadersBeyondTheLimitAreContent) {
  const std::string message = "A: 1\nB: " + std::string(100, 'x') + "\n\nhi";
  for (const auto& pieces : any_cuts(message)) {
    const auto told = read(pieces, {.header = 64});
    EXPECT_EQ(told.all, message);
    ASSERT_EQ(told.problems.size(), 1U);
    EXPECT_EQ(told.problems[0].kind, StructureProblem::Kind::header_too_long);
    EXPECT_EQ(told.problems[0].offset, 5U);
  }
}

TEST(StructureLimits, PartsBeyondTheLimitAreContent) {
  std::string message = kMixed;
  for (int part = 0; part < 20; ++part) message += "--b\n\n" + std::to_string(part) + "\n";
  message += "--b--\n";
  for (const auto& pieces : any_cuts(message)) {
    const auto told = read(pieces, {.parts = 5});
    EXPECT_EQ(told.all, message);
    ASSERT_GE(told.problems.size(), 1U);
    EXPECT_EQ(told.problems[0].kind, StructureProblem::Kind::too_many_parts);
    EXPECT_NE(told.trace.find("begin 4 "), std::string::npos);
    EXPECT_EQ(told.trace.find("begin 5 "), std::string::npos);
  }
}

TEST(StructureLimits, PartsTooDeepAreContent) {
  std::string message;
  for (int depth = 0; depth < 100; ++depth)
    message += "Content-Type: multipart/mixed; boundary=b" + std::to_string(depth) + "\n\n--b" +
               std::to_string(depth) + "\n";
  const auto told = read({message}, {.depth = 10});
  EXPECT_EQ(told.all, message);
  ASSERT_GE(told.problems.size(), 1U);
  EXPECT_EQ(told.problems[0].kind, StructureProblem::Kind::nested_too_deep);
  std::string messages;
  for (int depth = 0; depth < 100'000; ++depth) messages += "Content-Type: message/rfc822\n\n";
  EXPECT_EQ(read({messages}).all, messages);
}

TEST(StructureLimits, MessagesMayStayClosed) {
  const auto told = read({"Content-Type: message/rfc822\n\nSubject: in\n\nhi"}, {.open_messages = false});
  EXPECT_EQ(told.trace, "begin 1 message/rfc822 leaf @0,30\nbody 1 Subject: in\\x0a\\x0ahi\nend 1 15\n");
  EXPECT_TRUE(told.problems.empty());
}

TEST(StructureLimits, ALineWithoutEndIsNotHeld) {
  const std::string line = "--" + std::string(100'000, 'b');
  const auto told = read({kMixed, "--b\n\n", line, line, "\n--b--"});
  EXPECT_EQ(told.all, kMixed + "--b\n\n" + line + line + "\n--b--");
  EXPECT_TRUE(told.problems.empty()) << told.trace;
}

}  // namespace
}  // namespace hikyaku::mime
