#include "store/wire_text.h"

#include <gtest/gtest.h>

#include "store/export.h"

namespace hikyaku::store {
namespace {

struct WireCase {
  const char* name;
  std::string_view in, out;
};
void PrintTo(const WireCase& row, std::ostream* out) { *out << row.name; }

class WireTextTest : public testing::TestWithParam<WireCase> {};

TEST_P(WireTextTest, IsTheSameWholeAndInPiecesOfAnySize) {
  const auto& row = GetParam();
  for (std::size_t size = 1; size <= row.in.size() + 1; ++size) {
    WireText text;
    std::string out;
    for (std::size_t at = 0; at < row.in.size(); at += size) text.feed(row.in.substr(at, size), out);
    text.finish(out);
    EXPECT_EQ(out, row.out) << "pieces of " << size;
    FileText back(FileText::Quote::none);
    std::string file, again;
    back.feed(out, file);
    back.finish(file);
    text.feed(file, again);
    EXPECT_EQ(again, out) << "there and back";
  }
}

INSTANTIATE_TEST_SUITE_P(, WireTextTest,
                         testing::Values(WireCase{"of_files", "a\nb\n", "a\r\nb\r\n"},
                                         WireCase{"of_smtp", "a\r\nb\r\n", "a\r\nb\r\n"},
                                         WireCase{"both", "a\r\nb\n\r\n\nc\n", "a\r\nb\r\n\r\n\r\nc\r\n"},
                                         WireCase{"an_open_last_line", "a\nb", "a\r\nb\r\n"},
                                         WireCase{"a_bare_cr_stays", "a\rb\n", "a\rb\r\n"},
                                         WireCase{"an_empty_first_line", "\na\n", "\r\na\r\n"},
                                         WireCase{"nothing", "", ""}),
                         [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace hikyaku::store
