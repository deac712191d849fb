#include "mail/submitted_text.h"

#include <gtest/gtest.h>

namespace hikyaku::mail {
namespace {

struct SubmittedCase {
  std::string name, given, read;
  SubmittedText::Dots dots = SubmittedText::Dots::end_it;
};

class Submitted : public testing::TestWithParam<SubmittedCase> {};

std::string read(const SubmittedCase& row, std::size_t piece) {
  SubmittedText text(row.dots);
  std::string out;
  std::string_view rest = row.given;
  while (!rest.empty()) {
    text.feed(rest.substr(0, piece), out);
    rest.remove_prefix(std::min(piece, rest.size()));
  }
  text.finish(out);
  return out;
}

TEST_P(Submitted, is_read_whole_and_octet_by_octet) {
  EXPECT_EQ(read(GetParam(), GetParam().given.size() + 1), GetParam().read);
  EXPECT_EQ(read(GetParam(), 1), GetParam().read);
}

constexpr auto kNothing = SubmittedText::Dots::mean_nothing;

INSTANTIATE_TEST_SUITE_P(
    , Submitted,
    testing::Values(
        SubmittedCase{"stays_as_it_is", "Subject: a\n\nhi\r\nyou", "Subject: a\n\nhi\r\nyou"},
        SubmittedCase{"ends_at_a_dot", "\nhi\n.\nafter\n", "\nhi\n"},
        SubmittedCase{"ends_at_a_dot_with_a_cr", "\nhi\n.\r\nafter\n", "\nhi\n"},
        SubmittedCase{"ends_at_a_dot_that_nothing_follows", "\nhi\n.", "\nhi\n"},
        SubmittedCase{"goes_on_after_a_dot_that_means_nothing", "hi\n.\nafter\n", "hi\n.\nafter\n", kNothing},
        SubmittedCase{"goes_on_after_a_line_that_begins_with_a_dot", "hi\n.x\n..\n", "hi\n.x\n..\n"},
        SubmittedCase{"is_empty", "", ""}, SubmittedCase{"is_a_dot", ".\nx", ""},
        SubmittedCase{"has_no_separator_in_front", "From joe\n>From joe\nTo: a\n\nFrom me\n",
                      "To: a\n\nFrom me\n"},
        SubmittedCase{"keeps_a_from_header", "From: joe\n\nx", "From: joe\n\nx"},
        SubmittedCase{"keeps_the_begin_of_a_separator", "Fro", "Fro"}),
    [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace hikyaku::mail
