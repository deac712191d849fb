#pragma once
#include <boost/asio/awaitable.hpp>
#include <cstddef>
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
#include "io/log.h"
#include "io/stream.h"
#include "io/worker_pool.h"
#include "serve/io_thread.h"
#include "serve/multiplexer_listener.h"

namespace hikyaku::serve {

/// The `peer` lines of greylist.conf: what is decided here is told to them, and what they decide is taken
/// over (milter-greylist's MX sync). On a thread of its own. What could not be told waits in memory, up to
/// syncmaxqlen changes for each peer, and is lost at the end of the program.
///
/// use(), start(), tell() and stop() from any thread, one at a time.
class GreylistPeers {
 public:
  /// All must outlive it; the pool is stopped after stop().
  GreylistPeers(Clock& clock, io::Log& log, io::WorkerPool& pool, greylist::TupleStore& tuples,
                Random& random);
  ~GreylistPeers();

  /// The peers from now on: at the start and after each reload. A peer that was there keeps its connection
  /// and what waits for it. Once there are peers, syncaddr is listened to until the end. Fails where it
  /// can't be.
  Result<void> use(std::shared_ptr<const greylist::Configuration> configuration);
  void start() { thread_.start(); }
  /// What TupleStore::flush() gives.
  void tell(std::vector<greylist::PeerChange> changes);
  void stop();

 private:
  struct Peer;
  template <class T>
  using Awaitable = boost::asio::awaitable<T>;

  Result<void> listen(const greylist::Configuration& configuration);
  void take(const std::shared_ptr<const greylist::Configuration>& configuration);
  void spawn(Awaitable<void> work);

  Awaitable<void> speak_to(std::shared_ptr<Peer> peer);
  Awaitable<Result<void>> tell_all(Peer& peer);
  Awaitable<Result<io::Stream>> connect(Peer& peer);
  /// Sends the next change that the peer can hear, waiting for one. False: it is over.
  Awaitable<bool> next_change(Peer& peer, io::Stream& stream, greylist::PeerClient& client);
  void failed(Peer& peer, const Error& error);

  Awaitable<void> hear(std::shared_ptr<io::Stream> stream);
  Awaitable<greylist::PeerServer::Caller> caller(std::string address);
  Awaitable<void> apply(greylist::PeerChange change, const std::string& from);

  Clock& clock_;
  io::Log& log_;
  io::WorkerPool& pool_;
  greylist::TupleStore& tuples_;
  std::size_t callers_ = 0;  // on the thread; what is left there at the end counts down too
  IoThread thread_;
  // On the thread.
  std::shared_ptr<const greylist::Configuration> configuration_;
  std::vector<std::shared_ptr<Peer>> peers_;
  // Of who calls us.
  std::vector<std::unique_ptr<MultiplexerListener>> listeners_;
};

}  // namespace hikyaku::serve
