#include <netdb.h>

#include <algorithm>
#include <utility>
#include <variant>

#include "base/escape.h"
#include "milter/endpoint.h"
#include "serve/greylist_peers.h"
#include "serve/read_room.h"
#include "table/ip.h"

// Who calls: it is listened to, and made to prove that it is ours where it must be.

namespace hikyaku::serve {

namespace asio = boost::asio;
using greylist::PeerChange;
using greylist::PeerServer;

namespace {

constexpr std::uint16_t kPort = 5252;           // where /etc/services does not name mxglsync
constexpr std::chrono::seconds kSilence{7200};  // of who called; it calls again when it has something
constexpr std::size_t kMostCallers = 256;
constexpr std::chrono::seconds kProof{30};  // for who called to show that it is ours
constexpr std::size_t kPageRows = 100;
constexpr std::chrono::seconds kWrite{60};

}  // namespace

/// Who called: of which `peer` lines, and whether it must prove that it is ours.
struct GreylistPeers::Caller {
  PeerServer::Caller kind = PeerServer::Caller::nobody_is_a_peer;
  std::vector<std::string> hosts;
  bool secure = false;
};

std::uint16_t GreylistPeers::port_of(const greylist::Configuration& configuration) {
  if (const auto given = configuration.syncaddr.value.port) return *given;
  const auto* service = ::getservbyname("mxglsync", "tcp");
  return service == nullptr ? kPort : ntohs(static_cast<std::uint16_t>(service->s_port));
}

io::HostAddresses GreylistPeers::addresses_of(const std::string& host, std::uint16_t port) {
  return io::host_addresses(host, std::to_string(port));
}

bool GreylistPeers::same(const std::string& a, const std::string& b) {
  const auto one = table::Ip::parse(a), other = table::Ip::parse(b);
  return one && other && *one == *other;
}

Result<void> GreylistPeers::listen(const greylist::Configuration& configuration) {
  using Family = config::ConnectionSpec::Family;
  const auto& given = configuration.syncaddr.value.ip;
  const auto open = [&](Family family, std::string host) -> Result<void> {
    config::ListenerSettings settings;
    settings.connection = config::Setting<config::ConnectionSpec>{
        {.family = family, .path = {}, .host = std::move(host), .port = port_of(configuration)},
        configuration.syncaddr.origin};
    auto opened = MultiplexerListener::open(settings);
    if (!opened)
      return fail(opened.error().fault, "syncaddr, where peers are listened to: " + opened.error().text);
    listeners_.push_back(std::move(*opened));
    return {};
  };
  if (given) {
    const auto text = given->text();
    if (auto opened = open(text.contains(':') ? Family::inet6 : Family::inet, text); !opened) return opened;
  } else {
    if (auto opened = open(Family::inet, ""); !opened) return opened;
    // A machine may be without.
    if (auto opened = open(Family::inet6, ""); !opened) log_.info("peer", escaped(opened.error().text));
  }
  for (auto& listener : listeners_)
    listener->start(
        thread_.context(),
        [this](io::Stream::Socket socket) {
          ++callers_;
          spawn(hear(std::make_shared<io::Stream>(std::move(socket), thread_.sweep())));
        },
        [this] { return callers_ >= kMostCallers; });
  return {};
}

asio::awaitable<GreylistPeers::Caller> GreylistPeers::caller(std::string address) {
  Caller who;
  if (peers_.empty()) co_return who;
  auto look_up = [rules = rules_, address] {
    std::vector<std::string> hosts;
    for (const auto& peer : rules->configuration->peers) {
      const auto addresses = addresses_of(peer.host, kPort);
      if (addresses && std::ranges::any_of(*addresses, [&](const io::HostAddress& one) {
            return same(one.address, address);
          }))
        hosts.push_back(peer.host);
    }
    return hosts;
  };
  who.hosts = co_await pool_.run(std::move(look_up));
  who.kind = who.hosts.empty() ? PeerServer::Caller::stranger : PeerServer::Caller::peer;
  who.secure = std::ranges::any_of(who.hosts, [this](const std::string& host) { return secures(host); });
  co_return who;
}

asio::awaitable<void> GreylistPeers::apply(PeerChange change, const std::string& from) {
  auto work = [this, told = std::move(change), autowhite = rules_->configuration->autowhite.value] {
    return tuples_.apply(told, autowhite, greylist::seconds_of(clock_.now()));
  };
  const auto applied = co_await pool_.run(std::move(work));
  if (!applied) log_.warning("peer", "what peer " + from + " told: " + escaped(applied.error().text));
}

asio::awaitable<void> GreylistPeers::give_page(PeerServer& server, std::string begin,
                                               const std::string& from) {
  auto read = [this, at = std::move(begin)] { return tuples_.list({}, at, kPageRows); };
  const auto page = co_await pool_.run(std::move(read));
  if (page) {
    server.answer_table(*page);
  } else {
    server.refuse_table();
    log_.warning("peer",
                 "what is remembered can't be told to peer " + from + ": " + escaped(page.error().text));
  }
}

asio::awaitable<void> GreylistPeers::hear(std::shared_ptr<io::Stream> stream) {
  struct Left {
    std::size_t& callers;
    ~Left() { --callers; }
  } const left{callers_};
  const auto from = stream->peer_address();
  log_.info("peer", "Incoming MX sync connection from " + from);
  const auto who = co_await caller(from);
  if (who.kind != PeerServer::Caller::peer) log_.info("peer", "Remote host " + from + " is not a peer MX");
  std::string rest;
  if (who.secure) {
    auto proven = co_await options_.security->answer(*stream, kProof);
    if (!proven) {
      log_.warning("peer", "peer " + from + " is not listened to: " + escaped(proven.error().text));
      co_return;
    }
    rest = std::move(*proven);
  }
  PeerServer server(who.kind, who.secure ? PeerServer::Proof::given : PeerServer::Proof::none);
  server.feed(rest);
  for (;;) {
    auto event = server.next();
    if (auto* told = std::get_if<PeerServer::Change>(&event)) co_await apply(std::move(told->change), from);
    if (auto* wanted = std::get_if<PeerServer::TableWanted>(&event))
      co_await give_page(server, std::move(wanted->from), from);
    if (std::holds_alternative<PeerServer::Gap>(event)) want_tables_of(who.hosts);
    if (const auto output = server.take_output(); !output.empty()) {
      stream->set_deadline(kWrite, "the peer");
      const auto written = co_await stream->write_all(output);
      if (!written) co_return;
    }
    if (std::holds_alternative<PeerServer::Close>(event)) co_return;
    if (!std::holds_alternative<PeerServer::NeedBytes>(event)) continue;
    stream->set_deadline(kSilence, "the peer");
    const auto room = read_room();
    const auto got = co_await stream->read_some(room);
    if (!got) co_return;
    if (*got == 0) {
      server.finish();
    } else {
      server.feed(std::string_view(room.data(), *got));
    }
  }
}

}  // namespace hikyaku::serve
