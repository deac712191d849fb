#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "greylist/peer_client.h"
#include "greylist/peer_server.h"

// A hostile peer: the same is heard of it at once and in parts, each reply is one of a few codes, and what is
// heard can be told again where it may be told at all.
namespace {

using namespace hikyaku::greylist;

void check(bool holds) {
  if (!holds) std::abort();
}

void tell_again(const PeerChange& change) {
  PeerClient client;
  client.feed("200 \n803 \n");
  check(std::holds_alternative<PeerClient::Ready>(client.next()));
  static_cast<void>(client.take_output());
  const auto sent = client.send(change);
  if (sent == PeerClient::Sent::unspeakable) return;
  check(sent == PeerClient::Sent::sent);
  PeerServer server(PeerServer::Caller::peer);
  server.feed(client.take_output());
  const auto event = server.next();
  const auto* heard = std::get_if<PeerServer::Change>(&event);
  check(heard != nullptr && heard->change == change);
}

std::string hear(std::string_view said, std::size_t at_once, PeerServer::Proof proof) {
  PeerServer server(PeerServer::Caller::peer, proof);
  std::string replies;
  for (;;) {
    const auto event = server.next();
    const auto reply = server.take_output();
    check(reply.empty() || ((reply[0] == '1' || reply[0] == '2' || reply[0] == '8') && reply.back() == '\n'));
    replies += reply;
    if (const auto* change = std::get_if<PeerServer::Change>(&event)) tell_again(change->change);
    const auto* wanted = std::get_if<PeerServer::TableWanted>(&event);
    check(proof == PeerServer::Proof::given ||
          (wanted == nullptr && !std::holds_alternative<PeerServer::Gap>(event)));
    if (wanted != nullptr) server.answer_table({{}, wanted->from, 0});
    if (std::holds_alternative<PeerServer::Close>(event)) return replies;
    if (!std::holds_alternative<PeerServer::NeedBytes>(event)) continue;
    if (said.empty()) server.finish();
    server.feed(said.substr(0, at_once));
    said.remove_prefix(std::min(at_once, said.size()));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view said(reinterpret_cast<const char*>(data), size);
  for (const auto proof : {PeerServer::Proof::none, PeerServer::Proof::given})
    check(hear(said, size + 1, proof) == hear(said, 3, proof));
  return 0;
}
