#pragma once
#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "base/random.h"
#include "base/result.h"
#include "config/diagnostic.h"
#include "greylist/configuration.h"
#include "io/log.h"
#include "io/resolver.h"
#include "io/stable_file.h"
#include "io/worker_pool.h"
#include "serve/control_server.h"
#include "serve/greylist_peers.h"
#include "serve/greylist_rules.h"
#include "serve/greylist_services.h"
#include "serve/greylist_state.h"

namespace hikyaku::serve {

/// Greylisting by one greylist.conf: the rules in force, what is remembered, the peers and the control
/// socket, and the work that keeps them up to date. Clients are decided on by GreylistedClient, of the filter
/// for any MTA (GreylistServer) or of the hub.
class Greylisting {
 public:
  /// Reads the file, for the start and for each reload. An Error, or diagnostics that failed: it is bad.
  using Load = std::function<Result<greylist::Configuration>(config::Diagnostics&, SourceCatalogue&)>;
  struct Options {
    std::string file;                      ///< greylist.conf: read anew when it changes
    io::FileStamp stamp;                   ///< of the file before it was read
    std::filesystem::path state;           ///< the folder of the database
    bool writes_dump = true;               ///< the dumpfile, for milter-greylist to go on with
    bool own_log = true;                   ///< logfac counts: nobody else writes to the log
    std::chrono::milliseconds save{1000};  ///< at most so long a change is in memory alone
    greylist::ProductNames names;
    greylist::MatchPrefixes prefixes;
    greylist::Learning learning;
    GreylistPeerSecurity::Settings peer_security;
    /// Where what is read anew gets its origins; null: in a new one each time.
    std::shared_ptr<SourceCatalogue> sources;
    /// Asked for the zones of updates in place of those of /etc/resolv.conf; empty: those.
    std::string dns_server;
  };
  /// What it is handed; all must outlive it.
  struct Surroundings {
    Clock& clock;
    Random& random;
    io::Log& log;
    io::WorkerPool& pool;
    io::Resolver& resolver;
    boost::asio::io_context& main;  ///< its thread does the work between decisions, which blocks on the pool
  };

  /// Opens what is remembered, and listens for peers and at the control socket; nobody is answered yet.
  static Result<std::unique_ptr<Greylisting>> open(std::shared_ptr<const GreylistRules> rules, Load load,
                                                   Options options, const Surroundings& surroundings);

  GreylistServices& services() { return *services_; }
  /// The rules for what begins now.
  std::shared_ptr<const GreylistRules> rules() const;

  /// "12 rules, 7 pending, 90 autowhite": for the log.
  std::string text() const;

  void start();
  /// On the thread of `main`. Keeps what is in force where the file is bad, and says so.
  void reload(std::string_view why);
  /// On the thread of `main`: puts the rules of another reading of the file in force.
  void use(std::shared_ptr<const GreylistRules> next, std::string_view why);
  /// On the thread of `main`: no more of its work begins.
  void stop();
  /// Once no client is decided on any more, and before the pool stops: peers, checks and updates of the DNS
  /// end.
  void stop_peers();
  /// Once the pool has stopped: saves what is left.
  void close();

 private:
  Greylisting(Load load, Options options, const Surroundings& surroundings);
  Result<void> begin(std::shared_ptr<const GreylistRules> rules);
  void put_in_force(std::shared_ptr<const GreylistRules> next);
  void tell_countries(const GreylistRules& in_force);
  void tell_timeout(const greylist::TupleEntry& entry);
  void save();
  void dump();
  void expire();
  boost::asio::awaitable<void> look_at_files();
  boost::asio::awaitable<void> keep_state();
  boost::asio::awaitable<void> keep_dump();

  Load load_;
  Options options_;
  const Surroundings at_;
  StatisticsOutput statistics_;
  greylist::RateCounters rates_;
  std::unique_ptr<io::PublicSuffixes> suffixes_;
  GreylistChecks checks_;
  GreylistUpdates updates_;
  std::unique_ptr<GreylistState> tuples_;
  std::unique_ptr<GreylistServices> services_;
  std::unique_ptr<GreylistPeers> peers_;
  std::unique_ptr<ControlServer> control_;
  mutable std::mutex mutex_;
  std::shared_ptr<const GreylistRules> rules_;  // under the mutex
  std::atomic<std::size_t> unsaved_dump_{0};    // changes since the last dump file
  bool stopping_ = false;
};

}  // namespace hikyaku::serve
