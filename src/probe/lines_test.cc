#include "probe/lines.h"

#include <gtest/gtest.h>

#include "probe/scripted_wire.h"

namespace hikyaku::probe {
namespace {

using namespace std::chrono_literals;
using hikyaku::testing_support::ScriptedWire;

struct LinesCase {
  const char* name;
  std::string octets;
  std::vector<std::string> lines;  ///< with what is odd about them, then how it ended
};

/// All that a server with a limit of eight octets a line says, cut into `size`.
std::vector<std::string> read_in_pieces(const std::string& octets, std::size_t size) {
  ScriptedWire wire;
  for (std::size_t at = 0; at < octets.size(); at += size) wire.says(octets.substr(at, size));
  wire.closes();
  LineReader reader(wire, wire.elapsed(), 8);
  std::vector<std::string> out;
  Line line;
  while (reader.next(line, 1000s).value() == LineReader::Got::line)
    out.push_back(line.text + (line.oddity().empty() ? "" : " (" + line.oddity() + ')'));
  return out;
}

class Lines : public testing::TestWithParam<LinesCase> {};

TEST_P(Lines, are_read_in_any_cuts) {
  for (std::size_t size = 1; size < 20; ++size) {
    SCOPED_TRACE(size);
    EXPECT_EQ(read_in_pieces(GetParam().octets, size), GetParam().lines);
  }
}

INSTANTIATE_TEST_SUITE_P(
    , Lines,
    testing::Values(
        LinesCase{"two_lines", "220 a\r\n250 b\r\n", {"220 a", "250 b"}},
        LinesCase{"an_empty_line", "\r\n", {""}},
        LinesCase{"bare_lf_is_told", "220 a\n", {"220 a (ends in a bare LF)"}},
        LinesCase{"bare_cr_is_told", "a\rb\r\n", {"a\rb (has a bare CR in it)"}},
        LinesCase{"nul_is_told", std::string("a\0b\r\n", 5), {std::string("a\0b (has a NUL in it)", 21)}},
        LinesCase{"just_the_limit", "12345678\r\n", {"12345678"}},
        LinesCase{"one_more_is_cut", "123456789\r\n", {"12345678 (cut: 1 more octets)"}},
        LinesCase{"many_more_are_cut",
                  std::string(100, 'x') + "\r\n250 b\r\n",
                  {"xxxxxxxx (cut: 92 more octets)", "250 b"}},
        LinesCase{"the_stream_ends_in_a_line", "220", {"220 (the connection ended within it)"}},
        LinesCase{"the_stream_ends_in_a_long_line",
                  "1234567890",
                  {"12345678 (cut: 2 more octets, the connection ended within it)"}}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(LineReader, gives_up_a_line_that_drips) {
  ScriptedWire wire;
  for (int i = 0; i < 100; ++i) wire.says("x");
  wire.takes(1s);
  LineReader reader(wire, wire.elapsed());
  Line line;
  EXPECT_EQ(reader.next(line, 10s).value(), LineReader::Got::silence);
  EXPECT_LT(reader.left(), 20U);
}

TEST(LineReader, gives_up_a_line_without_end) {
  ScriptedWire wire;
  for (int i = 0; i < 1100; ++i) wire.says(std::string(65536, 'x'));
  LineReader reader(wire, wire.elapsed());
  Line line;
  const auto got = reader.next(line, 1000s);
  ASSERT_FALSE(got.has_value());
  EXPECT_EQ(got.error().fault, Fault::malformed);
  EXPECT_LT(reader.left(), 100U);
}

TEST(LineReader, gives_no_more_than_is_asked_for) {
  ScriptedWire wire;
  wire.says("ab\r\ncd").says("efg\r\nh").closes();
  LineReader reader(wire, wire.elapsed());
  Line line;
  ASSERT_EQ(reader.next(line, 1s, 6).value(), LineReader::Got::line);
  EXPECT_EQ(line.text, "ab");
  ASSERT_EQ(reader.next(line, 1s, 2).value(), LineReader::Got::line);
  EXPECT_EQ(line.text, "cd");
  EXPECT_EQ(line.end_octets(), 0U);
  EXPECT_EQ(line.oddity(), "");
  ASSERT_EQ(reader.next(line, 1s, 5).value(), LineReader::Got::line);
  EXPECT_EQ(line.text, "efg");
}

TEST(LineReader, counts_a_body_without_line_ends_over_more_than_one_read) {
  ScriptedWire wire;
  wire.says(std::string(20, 'x')).says(std::string(23, 'y')).closes();
  LineReader reader(wire, wire.elapsed(), 8);
  Line line;
  ASSERT_EQ(reader.next(line, 1s, 40).value(), LineReader::Got::line);
  EXPECT_EQ(line.end, Line::End::counted);
  EXPECT_EQ(line.text, "xxxxxxxx");
  EXPECT_EQ(line.dropped, 32U);
  ASSERT_EQ(reader.next(line, 1s).value(), LineReader::Got::line);
  EXPECT_EQ(line.text, "yyy");
}

TEST(LineReader, gives_octets_between_lines) {
  ScriptedWire wire;
  wire.says("a\r\nbc").says("d\r\n").closes();
  LineReader reader(wire, wire.elapsed());
  Line line;
  ASSERT_EQ(reader.next(line, 1s).value(), LineReader::Got::line);
  EXPECT_EQ(reader.octets(3, 1s).value(), "bcd");
  ASSERT_EQ(reader.next(line, 1s).value(), LineReader::Got::line);
  EXPECT_EQ(line.text, "");
  EXPECT_EQ(reader.octets(3, 1s).value(), "");
}

}  // namespace
}  // namespace hikyaku::probe
