#include "serve/greylist_peers.h"

#include <netdb.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <utility>
#include <variant>

#include "base/escape.h"
#include "io/interfaces.h"
#include "milter/endpoint.h"
#include "serve/milter_connection.h"
#include "serve/read_room.h"
#include "table/ip.h"

namespace hikyaku::serve {

namespace asio = boost::asio;
using greylist::PeerChange;
using greylist::PeerClient;
using greylist::PeerServer;

namespace {

constexpr auto kQuiet = asio::as_tuple(asio::use_awaitable);
constexpr std::uint16_t kPort = 5252;  // where /etc/services does not name mxglsync
constexpr std::chrono::seconds kFirstPause{1}, kLongestPause{60};
constexpr std::chrono::seconds kSilence{7200};  // of who called; it calls again when it has something
constexpr std::chrono::seconds kWrite{60};
constexpr std::size_t kMostCallers = 256;
constexpr unsigned kMostTries = 5;  // of one change that is answered with an error

std::uint16_t port_of(const greylist::Configuration& configuration) {
  if (const auto given = configuration.syncaddr.value.port) return *given;
  const auto* service = ::getservbyname("mxglsync", "tcp");
  return service == nullptr ? kPort : ntohs(static_cast<std::uint16_t>(service->s_port));
}

/// The addresses of a peer; blocks where it is a name.
Result<std::vector<MilterAddress>> addresses_of(const std::string& host, std::uint16_t port) {
  return milter_addresses({.path = {}, .host = host, .service = std::to_string(port)});
}

bool same(const std::string& a, const std::string& b) {
  const auto one = table::Ip::parse(a), other = table::Ip::parse(b);
  return one && other && *one == *other;
}

}  // namespace

struct GreylistPeers::Peer {
  Peer(asio::io_context& context, greylist::Peer one, std::size_t most)
      : settings(std::move(one)), queue(most), timer(context) {}

  void wake() { timer.cancel(); }
  /// Until wake(), or so long.
  asio::awaitable<void> wait(asio::steady_timer::duration longest) {
    timer.expires_after(longest);
    co_await timer.async_wait(kQuiet);
  }

  greylist::Peer settings;
  greylist::PeerQueue queue;
  asio::steady_timer timer;
  bool gone = false, is_us = false, overflowing = false;
  bool asked = false;    // the first of the queue was sent, and not answered
  unsigned refused = 0;  // times that it was answered with an error
  std::string told;      // the failure that the log has
};

GreylistPeers::GreylistPeers(Clock& clock, io::Log& log, io::WorkerPool& pool, greylist::TupleStore& tuples,
                             Random& random)
    : clock_(clock), log_(log), pool_(pool), tuples_(tuples), thread_(random) {}

GreylistPeers::~GreylistPeers() { stop(); }

void GreylistPeers::stop() {
  thread_.stop();
  thread_.join();
}

void GreylistPeers::spawn(Awaitable<void> work) {
  asio::co_spawn(thread_.context(), std::move(work), [this](std::exception_ptr error) {
    try {
      if (error) std::rethrow_exception(error);
    } catch (const std::exception& failure) {
      log_.error("peer", std::string("ended by an exception: ") + escaped(failure.what()));
    }
  });
}

Result<void> GreylistPeers::use(std::shared_ptr<const greylist::Configuration> configuration) {
  if (!configuration->peers.empty() && listeners_.empty())
    if (auto listening = listen(*configuration); !listening) return listening;
  asio::post(thread_.context(), [this, now = std::move(configuration)] { take(now); });
  return {};
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

void GreylistPeers::take(const std::shared_ptr<const greylist::Configuration>& configuration) {
  configuration_ = configuration;
  const auto& wanted = configuration->peers;
  const auto host = [](const greylist::Peer& one) -> const std::string& { return one.host; };
  std::erase_if(peers_, [&](const std::shared_ptr<Peer>& peer) {
    const auto still = std::ranges::find(wanted, peer->settings.host, host);
    peer->gone = still == wanted.end();
    if (peer->gone) {
      peer->wake();
    } else {
      peer->settings = *still;
    }
    return peer->gone;
  });
  for (const auto& one : wanted) {
    const bool known = std::ranges::any_of(
        peers_, [&](const std::shared_ptr<Peer>& peer) { return peer->settings.host == one.host; });
    if (known) continue;
    peers_.push_back(std::make_shared<Peer>(thread_.context(), one, configuration->syncmaxqlen.value));
    spawn(speak_to(peers_.back()));
  }
}

void GreylistPeers::tell(std::vector<PeerChange> changes) {
  if (changes.empty()) return;
  asio::post(thread_.context(), [this, all = std::move(changes)] {
    for (const auto& peer : peers_) {
      if (peer->is_us) continue;
      for (const auto& change : all) {
        const bool taken = peer->queue.push(change);
        if (!taken && !std::exchange(peer->overflowing, true))
          log_.warning("peer", "peer " + escaped(peer->settings.host) + " queue overflow (" +
                                   std::to_string(peer->queue.size()) + " entries), discarding new entries");
      }
      peer->wake();
    }
  });
}

void GreylistPeers::failed(Peer& peer, const Error& error) {
  if (std::exchange(peer.asked, false) && ++peer.refused >= kMostTries) {
    log_.warning("peer", "peer " + escaped(peer.settings.host) +
                             " takes a change never, it is left out: " + escaped(error.text));
    peer.queue.pop();
    peer.refused = 0;
  }
  if (std::exchange(peer.told, error.text) == error.text) return;
  log_.warning("peer", "cannot sync with peer " + escaped(peer.settings.host) + ": " + escaped(error.text) +
                           " (" + std::to_string(peer.queue.size()) + " entries queued)");
}

asio::awaitable<void> GreylistPeers::speak_to(std::shared_ptr<Peer> peer) {
  auto pause = kFirstPause;
  while (!peer->gone && !peer->is_us) {
    if (peer->queue.front() == nullptr) {
      co_await peer->wait(std::chrono::hours(1));
      continue;
    }
    const auto ended = co_await tell_all(*peer);
    if (ended) {
      pause = kFirstPause;
      continue;
    }
    failed(*peer, ended.error());
    // What is told meanwhile does not shorten it: a peer that is down is not asked for each mail.
    const auto until = std::chrono::steady_clock::now() + pause;
    while (!peer->gone && std::chrono::steady_clock::now() < until)
      co_await peer->wait(until - std::chrono::steady_clock::now());
    pause = std::min(pause * 2, kLongestPause);
  }
}

asio::awaitable<Result<io::Stream>> GreylistPeers::connect(Peer& peer) {
  auto look_up = [host = peer.settings.host, port = port_of(*configuration_)] {
    return addresses_of(host, port);
  };
  const auto addresses = co_await pool_.run(std::move(look_up));
  if (!addresses) co_return std::unexpected(addresses.error());
  const auto ours = io::interface_addresses();
  const auto& listening = configuration_->syncaddr.value.ip;
  const auto& given = configuration_->syncsrcaddr.value.ip;
  const std::string source = given ? given->text() : "";
  Result<io::Stream> stream = fail(Fault::temporary, "it has no address");
  for (const auto& [address, port] : *addresses) {
    // One file may name all of a fleet.
    const bool us = (listening && same(listening->text(), address)) ||
                    (ours && std::ranges::any_of(*ours, [&](const io::InterfaceAddress& one) {
                       return same(one.address, address);
                     }));
    if (us) {
      peer.is_us = true;
      log_.info("peer", "peer " + escaped(peer.settings.host) + " is this machine, it is not told");
      co_return fail(Fault::permanent, "it is this machine");
    }
    stream = co_await io::Stream::connect_tcp(thread_.sweep(), address, port, source, peer.settings.timeout);
    if (stream) break;
  }
  co_return stream;
}

asio::awaitable<Result<void>> GreylistPeers::tell_all(Peer& peer) {
  auto stream = co_await connect(peer);
  if (peer.is_us) co_return Result<void>{};
  if (!stream) co_return std::unexpected(std::move(stream.error()));
  PeerClient client;
  for (;;) {
    auto event = client.next();
    if (const auto output = client.take_output(); !output.empty()) {
      stream->set_deadline(kWrite, "the peer");
      const auto written = co_await stream->write_all(output);
      if (!written) co_return std::unexpected(written.error());
    }
    if (std::holds_alternative<PeerClient::NeedBytes>(event)) {
      stream->set_deadline(peer.settings.timeout, "the peer");
      const auto room = read_room();
      const auto got = co_await stream->read_some(room);
      if (!got) co_return std::unexpected(got.error());
      if (*got == 0) {
        client.finish();
      } else {
        client.feed(std::string_view(room.data(), *got));
      }
      continue;
    }
    if (const auto* failure = std::get_if<PeerClient::Failed>(&event))
      co_return std::unexpected(failure->error);
    if (const auto* ready = std::get_if<PeerClient::Ready>(&event)) {
      peer.told.clear();
      log_.info("peer", "Connection to " + escaped(peer.settings.host) + " established, protocol version " +
                            std::to_string(ready->version));
    } else {
      peer.asked = peer.overflowing = false;
      peer.refused = 0;
      peer.queue.pop();
    }
    const bool goes_on = co_await next_change(peer, *stream, client);
    if (!goes_on) co_return Result<void>{};
  }
}

asio::awaitable<bool> GreylistPeers::next_change(Peer& peer, io::Stream& stream, PeerClient& client) {
  for (;;) {
    while (peer.queue.front() == nullptr && !peer.gone) {
      co_await peer.wait(std::chrono::hours(1));
      // It hung up meanwhile: the next change goes over a new connection.
      if (stream.has_input()) co_return false;
    }
    if (peer.gone) co_return false;
    const auto sent = client.send(*peer.queue.front());
    if (sent == PeerClient::Sent::sent) {
      peer.asked = true;
      co_return true;
    }
    if (sent == PeerClient::Sent::unspeakable)
      log_.info("peer", "peer " + escaped(peer.settings.host) +
                            " is not told of a tuple that is too long or " + "has a blank, from " +
                            escaped(peer.queue.front()->sender));
    peer.queue.pop();
  }
}

asio::awaitable<PeerServer::Caller> GreylistPeers::caller(std::string address) {
  if (peers_.empty()) co_return PeerServer::Caller::nobody_is_a_peer;
  auto look_up = [all = configuration_->peers, address] {
    return std::ranges::any_of(all, [&](const greylist::Peer& peer) {
      const auto addresses = addresses_of(peer.host, kPort);
      return addresses && std::ranges::any_of(*addresses, [&](const MilterAddress& one) {
               return same(one.address, address);
             });
    });
  };
  const bool known = co_await pool_.run(std::move(look_up));
  co_return known ? PeerServer::Caller::peer : PeerServer::Caller::stranger;
}

asio::awaitable<void> GreylistPeers::apply(PeerChange change, const std::string& from) {
  auto work = [this, told = std::move(change), autowhite = configuration_->autowhite.value] {
    return tuples_.apply(told, autowhite, greylist::seconds_of(clock_.now()));
  };
  const auto applied = co_await pool_.run(std::move(work));
  if (!applied) log_.warning("peer", "what peer " + from + " told: " + escaped(applied.error().text));
}

asio::awaitable<void> GreylistPeers::hear(std::shared_ptr<io::Stream> stream) {
  struct Left {
    std::size_t& callers;
    ~Left() { --callers; }
  } const left{callers_};
  const auto from = stream->peer_address();
  log_.info("peer", "Incoming MX sync connection from " + from);
  const auto who = co_await caller(from);
  if (who != PeerServer::Caller::peer) log_.info("peer", "Remote host " + from + " is not a peer MX");
  PeerServer server(who);
  for (;;) {
    auto event = server.next();
    if (auto* told = std::get_if<PeerServer::Change>(&event)) co_await apply(std::move(told->change), from);
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
