#include "mime/line_ends.h"

#include <gtest/gtest.h>

#include "mime/any_cuts_for_tests.h"

namespace hikyaku::mime {
namespace {

struct LineEndCase {
  const char* name;
  LineEnds::Form form;
  std::string_view out;
};
void PrintTo(const LineEndCase& row, std::ostream* out) { *out << row.name; }
class LineEndsTest : public testing::TestWithParam<LineEndCase> {};

TEST_P(LineEndsTest, AreWrittenTheSameInAnyCuts) {
  for (const auto& pieces : any_cuts("a\nb\r\nc\rd\r\r\n\n")) {
    LineEnds ends(GetParam().form);
    std::string out;
    for (const auto piece : pieces) ends.feed(piece, out);
    ends.finish(out);
    ASSERT_EQ(out, GetParam().out);
  }
}

INSTANTIATE_TEST_SUITE_P(
    , LineEndsTest,
    testing::Values(LineEndCase{"kept", LineEnds::Form::kept, "a\nb\r\nc\rd\r\r\n\n"},
                    LineEndCase{"lf_leaves_a_return_alone", LineEnds::Form::lf, "a\nb\nc\rd\r\n\n"},
                    LineEndCase{"crlf", LineEnds::Form::crlf, "a\r\nb\r\nc\r\nd\r\n\r\n\r\n"},
                    LineEndCase{"lf_of_all", LineEnds::Form::lf_of_all, "a\nb\nc\nd\n\n\n"},
                    LineEndCase{"cr", LineEnds::Form::cr, "a\rb\rc\rd\r\r\r"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(LineEnds, AReturnAtTheEndIsNotLost) {
  std::string out;
  LineEnds ends(LineEnds::Form::lf);
  ends.feed("a\r", out);
  ends.finish(out);
  EXPECT_EQ(out, "a\r");
}

}  // namespace
}  // namespace hikyaku::mime
