#include "io/backed_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hikyaku::io {
namespace {

const FileList kList{
    {"4abc", {12, 0x1234abcd}}, {"5def", {0, 0}}, {"6", {std::uint64_t{1} << 40, 0xffffffff}}};

TEST(FileList, ReadsWhatItWrote) {
  const auto text = encode_file_list(kList);
  EXPECT_THAT(text, testing::StartsWith("1234abcd 12 4abc\n00000000 0 5def\nffffffff 1099511627776 6\n"));
  EXPECT_EQ(decode_file_list(text).value(), kList);
  EXPECT_EQ(decode_file_list(encode_file_list({})).value(), FileList{});
}

TEST(FileList, EveryChangedOctetAndEveryCutIsSeen) {
  const auto text = encode_file_list(kList);
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto changed = text;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(decode_file_list(changed).has_value()) << i;
    EXPECT_FALSE(decode_file_list(text.substr(0, i)).has_value()) << i;
  }
  EXPECT_FALSE(decode_file_list(text + "x").has_value());
}

}  // namespace
}  // namespace hikyaku::io
