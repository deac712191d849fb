#include "io/log_format.h"

#include <gtest/gtest.h>

namespace hikyaku::io::log_format {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;
constexpr Time kTime{std::chrono::microseconds{0x0102030405}};
/// As RocksDB 7.8 writes it: of sequence number 258 and two rows; behind that header our mark.
constexpr std::string_view kBatch =
    "\x02\x01\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x03\x09T\x05\x04\x03\x02\x01\x00\x00\x00"sv;

TEST(LogFormat, TheMarkOfTimeIsTheGoldenOne) {
  EXPECT_EQ(time_mark(kTime), "T\x05\x04\x03\x02\x01\x00\x00\x00"sv);
  EXPECT_EQ(written_at(kBatch), kTime);
  for (std::size_t octets = 0; octets < kBatch.size(); ++octets)
    EXPECT_EQ(written_at(kBatch.substr(0, octets)), std::nullopt) << octets;
  EXPECT_EQ(written_at(std::string(kBatch.substr(0, 12)) + "\x01"s + std::string(30, 'x')), std::nullopt)
      << "a batch without one";
}

TEST(LogFormat, ARecordIsTheGoldenOneAndNoFlippedBitPasses) {
  std::string log;
  append_record(log, kBatch);
  EXPECT_EQ(log, "\xc3\x9e\x81\x33\x17\x00\x01"s + std::string(kBatch));
  EXPECT_EQ(look_at(log, 0).fragment.value().payload, kBatch);
  for (std::size_t bit = 0; bit < log.size() * 8; ++bit) {
    auto damaged = log;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    EXPECT_FALSE(look_at(damaged, 0).fragment.has_value()) << bit;
  }
}

}  // namespace
}  // namespace hikyaku::io::log_format
