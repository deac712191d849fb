#include "base/sip_hash.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <string>

namespace hikyaku {
namespace {

std::string hexadecimal(const SipHash::Value& value) {
  std::string text;
  for (const auto word : value) {
    for (unsigned i = 0; i < 8; ++i) {
      std::array<char, 3> octet{};
      std::snprintf(octet.data(), octet.size(), "%02x", static_cast<unsigned>((word >> (8 * i)) & 0xffU));
      text += octet.data();
    }
  }
  return text;
}

struct SipHashCase {
  const char* name;
  std::size_t size;  ///< of the text 00 01 02 ...
  const char* value;
};
class SipHashVectors : public testing::TestWithParam<SipHashCase> {};

TEST_P(SipHashVectors, AreThoseOfTheReference) {
  const SipHash hash({0x0706050403020100U, 0x0f0e0d0c0b0a0908U});
  std::string text;
  for (std::size_t i = 0; i < GetParam().size; ++i) text += static_cast<char>(i);
  EXPECT_EQ(hexadecimal(hash.hash(text)), GetParam().value);
}

INSTANTIATE_TEST_SUITE_P(, SipHashVectors,
                         testing::Values(SipHashCase{"empty", 0, "a3817f04ba25a8e66df67214c7550293"},
                                         SipHashCase{"one_octet", 1, "da87c1d86b99af44347659119b22fc45"},
                                         SipHashCase{"a_whole_word", 8, "3b62a9ba6258f5610f83e264f31497b4"},
                                         SipHashCase{"a_word_and_a_part", 15,
                                                     "5493e99933b0a8117e08ec0f97cfc3d9"}),
                         [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace hikyaku
