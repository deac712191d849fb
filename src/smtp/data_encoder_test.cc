#include "smtp/data_encoder.h"

#include <gtest/gtest.h>

#include <string>

#include "smtp/content_reader.h"

namespace hikyaku::smtp {
namespace {

std::string encoded(std::string_view content, std::size_t step, std::size_t line_limit,
                    bool* repaired = nullptr) {
  DataEncoder encoder(line_limit);
  std::string out;
  const auto sink = [&](std::string_view piece) {
    EXPECT_FALSE(piece.empty());
    out += piece;
  };
  for (std::size_t at = 0; at < content.size(); at += step) {
    const std::string piece(
        content.substr(at, step));  // a copy of its own, so that reading beyond it is seen
    encoder.encode(piece, sink);
  }
  encoder.finish(sink);
  if (repaired != nullptr) *repaired = encoder.repaired();
  return out;
}

struct EncoderCase {
  const char* name;
  std::string content, want;
  bool repaired = false;
  std::size_t line_limit = 0;
};
void PrintTo(const EncoderCase& row, std::ostream* out) { *out << row.name; }
class Encoder : public testing::TestWithParam<EncoderCase> {};

TEST_P(Encoder, GivesTheSameInAnyCuts) {
  const auto& row = GetParam();
  for (std::size_t step = 1; step <= row.content.size() + 1; ++step) {
    bool repaired = false;
    EXPECT_EQ(encoded(row.content, step, row.line_limit, &repaired), row.want) << "step " << step;
    EXPECT_EQ(repaired, row.repaired) << "step " << step;
  }
}

INSTANTIATE_TEST_SUITE_P(
    , Encoder,
    testing::Values(EncoderCase{"nothing", "", ".\r\n"}, EncoderCase{"one_line", "a\r\n", "a\r\n.\r\n"},
                    EncoderCase{"last_line_without_end", "a", "a\r\n.\r\n"},
                    EncoderCase{"dots_are_doubled_at_the_start_of_lines", ".\r\n..\r\na.b\r\n.c",
                                "..\r\n...\r\na.b\r\n..c\r\n.\r\n"},
                    EncoderCase{"empty_lines", "\r\n\r\n", "\r\n\r\n.\r\n"},
                    EncoderCase{"bare_lf", "a\n.\nb\r\n", "a\r\n..\r\nb\r\n.\r\n", true},
                    EncoderCase{"bare_cr", "a\r.\rb\r\n", "a\r\n..\r\nb\r\n.\r\n", true},
                    EncoderCase{"cr_cr_lf", "a\r\r\n.b\r\n", "a\r\n\r\n..b\r\n.\r\n", true},
                    EncoderCase{"cr_at_the_end", "a\r", "a\r\n.\r\n", true},
                    EncoderCase{"nul_passes", std::string("a\0.\r\n", 5), std::string("a\0.\r\n.\r\n", 8)},
                    EncoderCase{"more_than_one_vector_of_octets", std::string(40, 'x') + "\r\n.y\r\n",
                                std::string(40, 'x') + "\r\n..y\r\n.\r\n"},
                    EncoderCase{"long_line_is_broken", std::string(50, 'x') + "\r\nab\r\n",
                                std::string(20, 'x') + "\r\n " + std::string(19, 'x') + "\r\n " +
                                    std::string(11, 'x') + "\r\nab\r\n.\r\n",
                                false, 20},
                    EncoderCase{"line_of_just_the_limit", std::string(20, 'x') + "\r\n",
                                std::string(20, 'x') + "\r\n.\r\n", false, 20}),
    [](const auto& row) { return std::string(row.param.name); });

// What the encoder writes, the server's reader reads back: the octets with canonical line ends.
TEST(DataEncoder, IsUndoneByTheReader) {
  const std::string content = ".\r\n..a\r\n\r\n.\r\nb\r\n";
  const auto wire = encoded(content, 3, 0);
  ContentReader reader;
  reader.begin(ContentReader::Form::dotted);
  std::string back;
  std::string_view left = wire;
  for (;;) {
    const auto piece = reader.read(left);
    back += piece.octets;
    left.remove_prefix(piece.consumed);
    if (piece.status == ContentReader::Status::end) break;
    ASSERT_EQ(piece.status, ContentReader::Status::more);
  }
  EXPECT_EQ(back, content);
  EXPECT_TRUE(left.empty());
}

TEST(OctetScan, FindsTheFirstAtEveryPlace) {
  for (const char wanted : {'\r', '\n', '\0'}) {
    for (std::size_t size = 1; size < 70; ++size) {
      for (std::size_t at = 0; at < size; ++at) {
        std::string text(size, 'a');
        text[at] = wanted;
        text.back() = at + 1 == size ? wanted : '\n';
        EXPECT_EQ(find_line_octet(text.data(), text.data() + size), text.data() + at);
      }
    }
  }
  const std::string none(70, '\v');
  EXPECT_EQ(find_line_octet(none.data(), none.data() + none.size()), none.data() + none.size());
}

}  // namespace
}  // namespace hikyaku::smtp
