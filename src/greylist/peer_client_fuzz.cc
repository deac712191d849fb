#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "greylist/peer_client.h"

// A hostile peer that is called: whatever it says, the talk goes on or ends for good, and no change is sent
// before the last one is acknowledged. The first octet chooses the cuts, and whether a change is told or the
// peer's table asked for.
namespace {

using namespace hikyaku::greylist;

void check(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t at_once = data[0] == 0 ? size : data[0];
  std::string_view said(reinterpret_cast<const char*>(data + 1), size - 1);
  const PeerChange change{PeerChange::Kind::del2, "192.0.2.1", "<a>", "<b>", {}, {}};
  PeerClient client;
  const bool asks = data[0] % 2 == 1;
  bool open = true, waiting = false;
  std::size_t rows = 0;
  while (open) {
    const auto event = client.next();
    const bool ready = std::holds_alternative<PeerClient::Ready>(event);
    const bool acknowledged = std::holds_alternative<PeerClient::Acknowledged>(event);
    const auto* page = std::get_if<PeerClient::PageEnd>(&event);
    check(!acknowledged || waiting);
    if (std::holds_alternative<PeerClient::Row>(event)) check(++rows <= PeerClient::kPage);
    if (asks && (ready || page != nullptr)) {
      check(client.ask_table(page == nullptr ? "" : page->next) == PeerClient::Sent::sent);
      rows = 0;
    } else if (ready || acknowledged) {
      check(client.send(change) == PeerClient::Sent::sent);
      waiting = true;
    }
    open = !std::holds_alternative<PeerClient::Failed>(event);
    static_cast<void>(client.take_output());
    if (!std::holds_alternative<PeerClient::NeedBytes>(event)) continue;
    if (said.empty()) client.finish();
    client.feed(said.substr(0, at_once));
    said.remove_prefix(std::min(at_once, said.size()));
  }
  check(client.send(change) == PeerClient::Sent::busy);
  return 0;
}
