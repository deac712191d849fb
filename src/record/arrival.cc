#include "record/arrival.h"

#include "record/client_fields.h"
#include "record/frame.h"

namespace hikyaku::record {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kUsualSize = 256;

enum ArrivalBits : unsigned { kVerified = 1, kCut = 2 };

}  // namespace

std::string encode(const Arrival& arrival) {
  FrameWriter out(kVersion, kUsualSize + arrival.header.size());
  out.time(arrival.at);
  out.number((arrival.client_name_verified ? kVerified : 0U) | (arrival.header_cut ? kCut : 0U));
  put(out, arrival.client);
  out.number(arrival.port);
  out.address(arrival.sender);
  out.number(arrival.recipients.size());
  for (const auto& recipient : arrival.recipients) out.address(recipient);
  out.text(arrival.header);
  return std::move(out).finish();
}

Result<Arrival> decode_arrival(std::string_view stored) {
  FrameReader in(stored, kVersion, "record of arrival");
  Arrival arrival;
  arrival.at = in.time();
  const auto flags = in.number(kVerified | kCut);
  arrival.client_name_verified = (flags & kVerified) != 0;
  arrival.header_cut = (flags & kCut) != 0;
  arrival.client = take_client(in);
  arrival.port = static_cast<std::uint16_t>(in.number(UINT16_MAX));
  arrival.sender = in.address();
  const auto recipients = in.count();
  for (std::size_t i = 0; i < recipients && in.good(); ++i) arrival.recipients.push_back(in.address());
  arrival.header = in.text();
  if (auto done = in.finish(); !done) return std::unexpected(done.error());
  return arrival;
}

}  // namespace hikyaku::record
