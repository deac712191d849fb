#include "serve/greylist_peers.h"

#include <netdb.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <fstream>
#include <system_error>
#include <utility>
#include <variant>

#include "base/escape.h"
#include "io/interfaces.h"
#include "io/thread_confinement.h"
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
constexpr std::chrono::seconds kFirstPause{1}, kLongestPause{60};
constexpr std::chrono::seconds kWrite{60};
constexpr std::chrono::seconds kProof{10};  // at least, for the handshake and the proofs
constexpr unsigned kMostTries = 5;          // of one change that is answered with an error

}  // namespace

struct GreylistPeers::Peer {
  Peer(asio::io_context& context, greylist::Peer one, std::size_t most)
      : settings(std::move(one)), queue(most), timer(context) {}

  void wake() { timer.cancel(); }
  bool has_work() const { return queue.front() != nullptr || gap || wants_table; }
  /// Until wake(), or so long.
  asio::awaitable<void> wait(asio::steady_timer::duration longest) {
    timer.expires_after(longest);
    co_await timer.async_wait(kQuiet);
  }

  greylist::Peer settings;
  greylist::PeerQueue queue;
  asio::steady_timer timer;
  bool gone = false, is_us = false, overflowing = false;
  bool asked = false;         // the first of the queue was sent, and not answered
  unsigned refused = 0;       // times that it was answered with an error
  std::string told;           // the failure that the log has
  bool other_family = false;  // the log has that syncsrcaddr does not go with its address

  // Of a peer that is ours:
  bool gap = false;          // it was not told all, and does not know
  bool wants_table = false;  // it knows what we do not
  bool wants_again = false;  // and that was so while its table was being read
  std::string page;          // of its table, the next one
  std::size_t rows = 0, taken = 0;
};

GreylistPeers::GreylistPeers(Clock& clock, io::Log& log, io::WorkerPool& pool, greylist::TupleStore& tuples,
                             Random& random, Options options)
    : clock_(clock), log_(log), pool_(pool), tuples_(tuples), options_(std::move(options)), thread_(random) {}

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

Result<void> GreylistPeers::use(std::shared_ptr<const GreylistRules> rules) {
  const auto& configuration = *rules->configuration;
  if (!configuration.peers.empty() && listeners_.empty())
    if (auto listening = listen(configuration); !listening) return listening;
  if (options_.security) {
    const auto host = [](const greylist::Peer& one) -> const std::string& { return one.host; };
    for (const auto& plain : options_.security->plain())
      if (std::ranges::find(configuration.peers, plain, host) == configuration.peers.end())
        log_.warning("peer", escaped(plain) + ", to be spoken to in plain, is the host of no `peer` line");
  }
  asio::post(thread_.context(), [this, now = std::move(rules)] { take(now); });
  return {};
}

void GreylistPeers::take(const std::shared_ptr<const GreylistRules>& rules) {
  rules_ = rules;
  const auto& configuration = *rules->configuration;
  const auto& wanted = configuration.peers;
  std::error_code ignored;
  // At the start what is remembered is as good as what peers remember, unless it is new or was left
  // unfinished.
  const bool ask = std::exchange(begun_, true) || options_.new_state ||
                   std::filesystem::exists(options_.tables_wanted, ignored);
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
    peers_.push_back(std::make_shared<Peer>(thread_.context(), one, configuration.syncmaxqlen.value));
    peers_.back()->wants_table = ask && secures(one.host);
    spawn(speak_to(peers_.back()));
  }
  note_wanted();
}

void GreylistPeers::want_table(Peer& peer) {
  peer.wants_again = peer.wants_table;
  peer.wants_table = true;
  peer.wake();
  note_wanted();
}

void GreylistPeers::want_tables_of(const std::vector<std::string>& hosts) {
  for (const auto& peer : peers_)
    if (std::ranges::find(hosts, peer->settings.host) != hosts.end()) want_table(*peer);
}

void GreylistPeers::note_wanted() {
  const bool wanted = std::ranges::any_of(
      peers_, [](const std::shared_ptr<Peer>& peer) { return peer->wants_table && !peer->is_us; });
  if (std::exchange(wanted_noted_, wanted) == wanted) return;
  // Blocks for a moment, seldom: it must be in order.
  std::error_code error;
  if (wanted) {
    const bool made = io::by_opener([&] { return std::ofstream(options_.tables_wanted).good(); });
    if (!made) error = std::make_error_code(std::errc::io_error);
  } else {
    std::filesystem::remove(options_.tables_wanted, error);
  }
  if (error)
    log_.warning("peer", "whether tables of peers are wanted can't be noted in " +
                             escaped(options_.tables_wanted.string()) + ": " + error.message());
}

void GreylistPeers::tell(std::vector<PeerChange> changes) {
  if (changes.empty()) return;
  asio::post(thread_.context(), [this, all = std::move(changes)] {
    for (const auto& peer : peers_) {
      if (peer->is_us) continue;
      for (const auto& change : all) {
        const bool taken = peer->queue.push(change);
        peer->gap = peer->gap || (!taken && secures(peer->settings.host));
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
    if (!peer->has_work()) {
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
  auto look_up = [host = peer.settings.host, port = port_of(*rules_->configuration)] {
    return addresses_of(host, port);
  };
  const auto addresses = co_await pool_.run(std::move(look_up));
  if (!addresses) co_return std::unexpected(addresses.error());
  const auto ours = io::by_opener(io::interface_addresses);
  const auto rules = rules_;
  const auto& listening = rules->configuration->syncaddr.value.ip;
  const auto& sender = rules->configuration->syncsrcaddr;
  const auto& given = sender.value.ip;
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
      note_wanted();
      co_return fail(Fault::permanent, "it is this machine");
    }
    const auto ip = table::Ip::parse(address);
    if (given && ip && given->family() != ip->family() && !std::exchange(peer.other_family, true))
      log_.warning("peer", rules->sources->text(sender.origin) + ": syncsrcaddr " + source +
                               " is of another family than " + address + ", and not used for peer " +
                               escaped(peer.settings.host));
    stream = co_await io::Stream::connect_tcp(thread_.sweep(), address, port, source, peer.settings.timeout);
    if (stream) break;
  }
  co_return stream;
}

asio::awaitable<Result<PeerClient::Event>> GreylistPeers::hear_of(Peer& peer, io::Stream& stream,
                                                                  PeerClient& client) {
  for (;;) {
    auto event = client.next();
    if (const auto output = client.take_output(); !output.empty()) {
      stream.set_deadline(kWrite, "the peer");
      const auto written = co_await stream.write_all(output);
      if (!written) co_return std::unexpected(written.error());
    }
    if (const auto* failure = std::get_if<PeerClient::Failed>(&event))
      co_return std::unexpected(failure->error);
    if (!std::holds_alternative<PeerClient::NeedBytes>(event)) co_return event;
    stream.set_deadline(peer.settings.timeout, "the peer");
    const auto room = read_room();
    const auto got = co_await stream.read_some(room);
    if (!got) co_return std::unexpected(got.error());
    if (*got == 0) {
      client.finish();
    } else {
      client.feed(std::string_view(room.data(), *got));
    }
  }
}

asio::awaitable<Result<void>> GreylistPeers::tell_all(Peer& peer) {
  std::shared_ptr<io::TlsClient> tls;
  auto stream = co_await connect(peer);
  if (peer.is_us) co_return Result<void>{};
  if (!stream) co_return std::unexpected(std::move(stream.error()));
  PeerClient client;
  if (secures(peer.settings.host)) {
    auto made = co_await options_.security->client();
    if (!made) co_return std::unexpected(std::move(made.error()));
    tls = std::move(*made);
    const auto limit = std::max(peer.settings.timeout, kProof);
    const auto rest = co_await options_.security->call(*stream, *tls, limit);
    if (!rest) co_return std::unexpected(rest.error());
    client.is_ours();
    client.feed(*rest);
  }
  const auto ready = co_await hear_of(peer, *stream, client);
  if (!ready) co_return std::unexpected(ready.error());
  peer.told.clear();
  peer.page.clear();
  log_.info("peer", "Connection to " + escaped(peer.settings.host) + " established, protocol version " +
                        std::to_string(std::get<PeerClient::Ready>(*ready).version) +
                        (tls ? " under " + stream->tls()->protocol : ""));
  for (;;) {
    // By turns, so that neither a large table nor many changes keep the other waiting.
    if (peer.gap) {
      const auto told = co_await tell_gap(peer, *stream, client);
      if (!told) co_return told;
    }
    if (peer.wants_table) {
      const auto taken = co_await take_page(peer, *stream, client);
      if (!taken) co_return taken;
      if (peer.queue.front() == nullptr) continue;
    }
    const auto next = co_await next_change(peer, *stream, client);
    if (next == Next::over) co_return Result<void>{};
    if (next == Next::something_else) continue;
    const auto heard = co_await hear_of(peer, *stream, client);
    if (!heard) co_return std::unexpected(heard.error());
    peer.asked = peer.overflowing = false;
    peer.refused = 0;
    peer.queue.pop();
  }
}

asio::awaitable<Result<void>> GreylistPeers::tell_gap(Peer& peer, io::Stream& stream, PeerClient& client) {
  static_cast<void>(client.send_gap());  // ready, or it would not have come here
  peer.gap = false;
  const auto heard = co_await hear_of(peer, stream, client);
  if (heard) co_return Result<void>{};
  peer.gap = true;
  co_return std::unexpected(heard.error());
}

asio::awaitable<Result<void>> GreylistPeers::take_page(Peer& peer, io::Stream& stream, PeerClient& client) {
  if (peer.page.empty()) peer.rows = peer.taken = 0;
  static_cast<void>(client.ask_table(peer.page));  // the same
  std::vector<greylist::TupleEntry> rows;
  auto heard = co_await hear_of(peer, stream, client);
  while (heard && std::holds_alternative<PeerClient::Row>(*heard)) {
    rows.push_back(std::move(std::get<PeerClient::Row>(*heard).entry));
    heard = co_await hear_of(peer, stream, client);
  }
  if (!heard) co_return std::unexpected(heard.error());
  auto& next = std::get<PeerClient::PageEnd>(*heard).next;
  if (!next.empty() && next == peer.page)
    co_return std::unexpected(Error{Fault::malformed, "its table does not go on after a page"});
  peer.page = std::move(next);
  peer.rows += rows.size();
  auto work = [this, all = std::move(rows)]() mutable {
    return tuples_.merge(std::move(all), greylist::seconds_of(clock_.now()));
  };
  const auto merged = co_await pool_.run(std::move(work));
  if (!merged) co_return std::unexpected(merged.error());
  peer.taken += merged->taken;
  const auto host = escaped(peer.settings.host);
  if (merged->unusable != 0)
    log_.warning("peer", std::to_string(merged->unusable) + " entries of the table of peer " + host +
                             " are not remembered: there is no room for them, or they are of no address");
  if (!peer.page.empty()) co_return Result<void>{};
  peer.wants_table = std::exchange(peer.wants_again, false);
  log_.info("peer", "took over the table of peer " + host + ": " + std::to_string(peer.taken) + " of " +
                        std::to_string(peer.rows) + " entries were new");
  note_wanted();
  co_return Result<void>{};
}

asio::awaitable<GreylistPeers::Next> GreylistPeers::next_change(Peer& peer, io::Stream& stream,
                                                                PeerClient& client) {
  for (;;) {
    while (!peer.has_work() && !peer.gone) {
      co_await peer.wait(std::chrono::hours(1));
      // It hung up meanwhile: the next change goes over a new connection.
      if (stream.has_input()) co_return Next::over;
    }
    if (peer.gone) co_return Next::over;
    if (peer.queue.front() == nullptr) co_return Next::something_else;
    const auto sent = client.send(*peer.queue.front());
    if (sent == PeerClient::Sent::sent) {
      peer.asked = true;
      co_return Next::sent;
    }
    if (sent == PeerClient::Sent::unspeakable)
      log_.info("peer", "peer " + escaped(peer.settings.host) +
                            " is not told of a tuple that is too long or " + "has a blank, from " +
                            escaped(peer.queue.front()->sender));
    peer.queue.pop();
  }
}

}  // namespace hikyaku::serve
