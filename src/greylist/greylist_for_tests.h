#pragma once
// For tests only: tuples and moments in short.
#include <chrono>
#include <string>
#include <string_view>

#include "greylist/tuple.h"

namespace hikyaku::greylist {

constexpr Seconds kStart{std::chrono::seconds(1'800'000'000)};

inline Seconds at(std::int64_t seconds) { return kStart + std::chrono::seconds(seconds); }

inline Tuple tuple(std::string_view address, std::string_view sender = "<a@x.test>",
                   std::string_view recipient = "<b@y.test>", MatchPrefixes prefixes = {}) {
  return {ClientKey::of_address(address, prefixes).value(), tuple_sender(sender), tuple_recipient(recipient)};
}

inline TupleEntry entry(std::string_view address, std::string_view sender, TupleState state, Seconds time,
                        std::chrono::seconds tarpit = {}) {
  TupleEntry one;
  one.address = address;
  one.sender = sender;
  one.recipient = "<b@y.test>";
  one.facts.state = state;
  one.facts.time = time;
  one.facts.tarpit = tarpit;
  return one;
}

}  // namespace hikyaku::greylist
