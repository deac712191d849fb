#pragma once
#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "base/time.h"
#include "greylist/configuration.h"
#include "greylist/peer_change.h"
#include "greylist/peer_client.h"
#include "greylist/peer_server.h"
#include "greylist/tuple_store.h"
#include "io/host_lookup.h"
#include "io/log.h"
#include "io/stream.h"
#include "io/worker_pool.h"
#include "serve/greylist_peer_security.h"
#include "serve/greylist_rules.h"
#include "serve/io_thread.h"
#include "serve/multiplexer_listener.h"

namespace hikyaku::serve {

/// The `peer` lines of greylist.conf: what is decided here is told to them, and what they decide is taken
/// over (milter-greylist's MX sync). On a thread of its own. What could not be told waits in memory, up to
/// syncmaxqlen changes for each peer, and is lost at the end of the program.
///
/// Peers that are ours (Options::security) are spoken to under TLS, and never without. They are asked for
/// their whole table when our state is new, when they are added, and when they say that they could not tell
/// us all.
///
/// use(), start(), tell() and stop() from any thread, one at a time.
class GreylistPeers {
 public:
  struct Options {
    std::unique_ptr<GreylistPeerSecurity> security;  ///< nullptr: all peers are spoken to in plain
    bool new_state = false;                          ///< nothing was remembered
    std::filesystem::path tables_wanted;  ///< a file that is there while the table of a peer is wanted
  };
  /// All must outlive it; the pool is stopped after stop().
  GreylistPeers(Clock& clock, io::Log& log, io::WorkerPool& pool, greylist::TupleStore& tuples,
                Random& random, Options options);
  ~GreylistPeers();

  /// The peers from now on: at the start and after each reload. A peer that was there keeps its connection
  /// and what waits for it. Once there are peers, syncaddr is listened to until the end. Fails where it
  /// can't be.
  Result<void> use(std::shared_ptr<const GreylistRules> rules);
  void start() { thread_.start(); }
  /// What TupleStore::flush() gives.
  void tell(std::vector<greylist::PeerChange> changes);
  void stop();

 private:
  struct Peer;
  template <class T>
  using Awaitable = boost::asio::awaitable<T>;

  static std::uint16_t port_of(const greylist::Configuration& configuration);
  /// The addresses of a peer; blocks where it is a name.
  static io::HostAddresses addresses_of(const std::string& host, std::uint16_t port);
  static bool same(const std::string& address, const std::string& other);
  Result<void> listen(const greylist::Configuration& configuration);
  void take(const std::shared_ptr<const GreylistRules>& rules);
  void spawn(Awaitable<void> work);
  bool secures(const std::string& host) const {
    return options_.security && options_.security->secures(host);
  }
  void want_table(Peer& peer);
  void want_tables_of(const std::vector<std::string>& hosts);
  /// Keeps the file of Options::tables_wanted.
  void note_wanted();

  Awaitable<void> speak_to(std::shared_ptr<Peer> peer);
  Awaitable<Result<void>> tell_all(Peer& peer);
  Awaitable<Result<io::Stream>> connect(Peer& peer);
  /// What the peer says to what was sent; an Error ends the connection.
  Awaitable<Result<greylist::PeerClient::Event>> hear_of(Peer& peer, io::Stream& stream,
                                                         greylist::PeerClient& client);
  enum class Next : unsigned char { sent, something_else, over };
  /// Sends the next change that the peer can hear, waiting for one.
  Awaitable<Next> next_change(Peer& peer, io::Stream& stream, greylist::PeerClient& client);
  Awaitable<Result<void>> tell_gap(Peer& peer, io::Stream& stream, greylist::PeerClient& client);
  /// Asks for the next page of the peer's table, and takes it over.
  Awaitable<Result<void>> take_page(Peer& peer, io::Stream& stream, greylist::PeerClient& client);
  void failed(Peer& peer, const Error& error);

  struct Caller;
  Awaitable<void> hear(std::shared_ptr<io::Stream> stream);
  Awaitable<Caller> caller(std::string address);
  Awaitable<void> apply(greylist::PeerChange change, const std::string& from);
  Awaitable<void> give_page(greylist::PeerServer& server, std::string begin, const std::string& from);

  Clock& clock_;
  io::Log& log_;
  io::WorkerPool& pool_;
  greylist::TupleStore& tuples_;
  const Options options_;
  std::size_t callers_ = 0;  // on the thread; what is left there at the end counts down too
  IoThread thread_;
  // On the thread.
  std::shared_ptr<const GreylistRules> rules_;
  std::vector<std::shared_ptr<Peer>> peers_;
  bool begun_ = false, wanted_noted_ = false;
  // Of who calls us.
  std::vector<std::unique_ptr<MultiplexerListener>> listeners_;
};

}  // namespace hikyaku::serve
