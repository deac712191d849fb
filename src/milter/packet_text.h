#pragma once
// For tests only: packets as one can read and write them.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "milter/packet.h"

namespace hikyaku::milter::testing_support {

/// A packet of this kind; '|' in `data` is a NUL.
inline std::string packet(char kind, std::string_view data = {}) {
  std::string octets(data);
  std::ranges::replace(octets, '|', '\0');
  std::string out;
  PacketWriter(out, kind).octets(octets);
  return out;
}

/// "M<a@b>|SIZE=1|": a packet without its length, NULs as '|'.
inline std::vector<std::string> packets(std::string_view octets) {
  PacketReader reader;
  reader.feed(octets);
  std::vector<std::string> all;
  for (;;) {
    const auto one = reader.next();
    if (!one || !*one) break;
    std::string text(1, (*one)->kind);
    text += (*one)->data;
    std::ranges::replace(text, '\0', '|');
    all.push_back(text);
  }
  EXPECT_EQ(reader.pending(), 0U) << "a packet is not whole";
  return all;
}

inline std::string number(std::uint32_t value) {
  std::string out;
  PacketWriter(out, 'x').number32(value);
  return out.substr(5);
}

/// The filter's answer to the negotiation.
inline std::string negotiation(std::uint32_t version, std::uint32_t actions, std::uint32_t steps,
                               std::string_view macros = {}) {
  std::string out;
  PacketWriter(out, 'O').number32(version).number32(actions).number32(steps).octets(macros);
  return out;
}

}  // namespace hikyaku::milter::testing_support
