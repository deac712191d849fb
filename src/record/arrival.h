#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "mail/address.h"
#include "record/queue_entry.h"

namespace hikyaku::record {

/// A message as it was handed in, before anything was decided: what `hikyaku config diff` replays.
struct Arrival {
  Time at{};
  Client client;
  bool client_name_verified = false;
  std::uint16_t port = 0;  ///< of the listener
  mail::Address sender;
  std::vector<mail::Address> recipients;
  std::string header;       ///< the header section as it came, without the empty line; line ends CR LF
  bool header_cut = false;  ///< the rest of it was not kept
  bool operator==(const Arrival&) const = default;
};

/// The stored form is framed as that of QueueEntry, and fails to decode in the same ways.
std::string encode(const Arrival& arrival);
Result<Arrival> decode_arrival(std::string_view stored);

}  // namespace hikyaku::record
