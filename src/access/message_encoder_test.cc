#include "access/message_encoder.h"

#include <gtest/gtest.h>

#include <string>

namespace hikyaku::access {
namespace {

struct EncoderCase {
  const char* name;
  std::optional<std::uint64_t> body_lines;
  std::string_view in, out;
};
void PrintTo(const EncoderCase& row, std::ostream* out) { *out << row.name; }

class MessageEncoderTest : public testing::TestWithParam<EncoderCase> {};

TEST_P(MessageEncoderTest, WritesTheSameWholeAndInPiecesOfAnySize) {
  const auto& row = GetParam();
  for (std::size_t size = 1; size <= row.in.size() + 1; ++size) {
    MessageEncoder encoder(row.body_lines);
    std::string out;
    for (std::size_t at = 0; at < row.in.size() && !encoder.complete(); at += size)
      encoder.encode(row.in.substr(at, size), out);
    encoder.finish(out);
    EXPECT_EQ(out, row.out) << "pieces of " << size;
  }
}

constexpr std::string_view kMail = "A: 1\r\n\r\n.x\r\ny\r\n";

INSTANTIATE_TEST_SUITE_P(
    , MessageEncoderTest,
    testing::Values(EncoderCase{"nothing", {}, "", ".\r\n"},
                    EncoderCase{"dots_are_doubled", {}, ".\r\n..\r\na.\r\n", "..\r\n...\r\na.\r\n.\r\n"},
                    EncoderCase{"an_open_line_is_ended", {}, "a", "a\r\n.\r\n"},
                    EncoderCase{"all_of_it", {}, kMail, "A: 1\r\n\r\n..x\r\ny\r\n.\r\n"},
                    EncoderCase{"top_0_is_the_header", 0, kMail, "A: 1\r\n\r\n.\r\n"},
                    EncoderCase{"top_1_has_a_line_more", 1, kMail, "A: 1\r\n\r\n..x\r\n.\r\n"},
                    EncoderCase{"top_of_all_lines_is_all_of_it", 2, kMail, "A: 1\r\n\r\n..x\r\ny\r\n.\r\n"},
                    EncoderCase{"top_of_more_than_there_is", 9, kMail, "A: 1\r\n\r\n..x\r\ny\r\n.\r\n"},
                    EncoderCase{"top_without_a_body", 1, "A: 1\r\n", "A: 1\r\n.\r\n"},
                    EncoderCase{"top_without_a_header", 1, "\r\na\r\nb\r\n", "\r\na\r\n.\r\n"},
                    EncoderCase{"empty_lines_of_the_body_count", 2, "A: 1\r\n\r\n\r\n\r\nb\r\n",
                                "A: 1\r\n\r\n\r\n\r\n.\r\n"}),
    [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace hikyaku::access
