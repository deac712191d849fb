#pragma once
#include <cstddef>
#include <string>

#include "greylist/tuple.h"

namespace hikyaku::greylist {

/// What greylisters tell each other (milter-greylist's MX sync).
struct PeerChange {
  enum class Kind : unsigned char {
    add,    ///< a tuple was met and may pass at `time`
    del,    ///< version 1: it passed, for as long as the hearer's own autowhite says
    del2,   ///< it passed, until `autowhite`; not in the future: it is forgotten
    flush,  ///< everything of the address is forgotten
  };
  Kind kind = Kind::add;
  std::string address;
  std::string sender, recipient;  ///< not with flush
  Seconds time{};                 ///< add, del, del2: when the tuple may pass
  Seconds autowhite{};            ///< del2
  std::string pool{};             ///< what the tuple begins with in place of a network; ours alone tell it
  bool operator==(const PeerChange&) const = default;
};

/// Octets of a command between ours, with its line end: a pool fits beside two long addresses.
constexpr std::size_t kOwnPeerLine = 1100;

// Replies that only ours give, to the question for a table: an entry; the page ends, and where the next one
// begins; the table ends.
constexpr unsigned kTableRow = 210, kPageEnd = 211, kLastPage = 212;

}  // namespace hikyaku::greylist
