#include "mime/crc32.h"

namespace hikyaku::mime {
namespace {

constexpr std::size_t kSlices = 8;  // octets a step
using Tables = std::array<std::array<std::uint32_t, 256>, kSlices>;

constexpr Tables make_tables() {
  Tables tables{};
  for (std::uint32_t octet = 0; octet < 256; ++octet) {
    auto value = octet;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? 0xEDB88320 : 0);
    tables[0][octet] = value;
  }
  for (std::size_t slice = 1; slice < kSlices; ++slice)
    for (std::size_t octet = 0; octet < 256; ++octet) {
      const auto before = tables[slice - 1][octet];
      tables[slice][octet] = (before >> 8) ^ tables[0][before & 0xFF];
    }
  return tables;
}
constexpr Tables kTables = make_tables();

std::uint32_t octet_at(std::string_view octets, std::size_t at) {
  return static_cast<unsigned char>(octets[at]);
}

}  // namespace

void Crc32::add(std::string_view octets) {
  auto state = state_;
  for (; octets.size() >= kSlices; octets.remove_prefix(kSlices)) {
    const auto first = state ^ (octet_at(octets, 0) | octet_at(octets, 1) << 8 | octet_at(octets, 2) << 16 |
                                octet_at(octets, 3) << 24);
    state = kTables[7][first & 0xFF] ^ kTables[6][first >> 8 & 0xFF] ^ kTables[5][first >> 16 & 0xFF] ^
            kTables[4][first >> 24] ^ kTables[3][octet_at(octets, 4)] ^ kTables[2][octet_at(octets, 5)] ^
            kTables[1][octet_at(octets, 6)] ^ kTables[0][octet_at(octets, 7)];
  }
  for (const char c : octets)
    state = (state >> 8) ^ kTables[0][(state ^ static_cast<unsigned char>(c)) & 0xFF];
  state_ = state;
}

}  // namespace hikyaku::mime
