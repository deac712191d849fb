#include "serve/greylist_server.h"

#include <sysexits.h>
#include <systemd/sd-daemon.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "base/escape.h"
#include "io/stable_file.h"
#include "io/system_clock.h"
#include "io/system_random.h"
#include "serve/control_server.h"
#include "serve/greylist_administration.h"
#include "serve/greylist_peers.h"
#include "serve/greylist_session.h"
#include "serve/greylist_state.h"
#include "serve/io_thread.h"
#include "serve/log_diagnostics.h"
#include "serve/multiplexer_listener.h"
#include "serve/service_signals.h"

namespace hikyaku::serve {
namespace {

namespace asio = boost::asio;
constexpr auto kQuiet = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kPoolThreads = 4;
constexpr std::chrono::seconds kLook{1};      // between looks at the files
constexpr std::chrono::seconds kExpire{30};   // between looks for what has expired
constexpr std::chrono::seconds kFarewell{8};  // for messages to end in, at SIGTERM
constexpr std::size_t kExpireStep = 4096;
constexpr std::chrono::seconds kDnsTimeout{5};  // for a question: an MTA waits for the decision

/// A thread and the connections on it, which only it may touch.
struct Worker {
  explicit Worker(Random& random) : thread(random) {}
  IoThread thread;
  std::set<std::shared_ptr<GreylistSession>> sessions;
};

Result<config::ListenerSettings> listener_of(const greylist::Configuration& configuration) {
  config::ListenerSettings settings;
  const auto& socket = configuration.socket.value;
  if (socket.empty())
    return fail(Fault::permanent,
                "greylist.conf has no \"socket\": write socket \"/run/milter-greylist.sock\", or "
                "socket \"inet:7890@127.0.0.1\"");
  const auto spec =
      config::ConnectionSpec::parse(socket.find(':') == std::string::npos ? "unix:" + socket : socket);
  if (!spec) return std::unexpected(spec.error());
  settings.connection = config::Setting<config::ConnectionSpec>{*spec, configuration.socket.origin};
  settings.unix_socket_mode.value = configuration.socket_mode.value_or(0600);
  return settings;
}

greylist::DumpWriter::Dates dates_of(const greylist::Configuration& configuration) {
  return configuration.dump_no_time_translation.value ? greylist::DumpWriter::Dates::left_out
                                                      : greylist::DumpWriter::Dates::written;
}

}  // namespace

struct GreylistServer::State {
  State(Load the_load, Options the_options) : load(std::move(the_load)), options(std::move(the_options)) {}

  Load load;
  Options options;
  io::SystemClock clock;
  io::SystemRandom random;
  std::unique_ptr<io::Log> log;
  std::unique_ptr<io::WorkerPool> pool;
  std::unique_ptr<io::Resolver> resolver;
  std::unique_ptr<GreylistState> tuples;
  StatisticsOutput statistics;
  greylist::RateCounters rates;
  std::unique_ptr<GreylistServices> services;
  std::unique_ptr<GreylistPeers> peers;
  std::mutex mutex;
  std::shared_ptr<const GreylistRules> rules;  // under the mutex
  io::FileStamp file;
  std::vector<std::unique_ptr<Worker>> workers;
  std::unique_ptr<MultiplexerListener> listener;
  std::unique_ptr<ControlServer> control;
  asio::io_context main{1};
  bool stopping = false;
  std::atomic<std::size_t> unsaved_dump{0};  // changes since the last dump file

  std::shared_ptr<const GreylistRules> current() {
    const std::lock_guard lock(mutex);
    return rules;
  }
  Result<void> open(greylist::Configuration configuration, std::shared_ptr<const SourceCatalogue> sources);
  void use(greylist::Configuration configuration, std::shared_ptr<const SourceCatalogue> sources);
  void tell_countries(const GreylistRules& in_force);
  void begin(Worker& worker, io::Stream::Socket socket);
  void reload(std::string_view why);
  void save();
  void dump();
  void expire();
  asio::awaitable<void> look_at_files();
  asio::awaitable<void> keep_state();
  asio::awaitable<void> keep_dump();
  asio::awaitable<void> stop();
  void close();
};

GreylistServer::GreylistServer(std::unique_ptr<State> state) : state_(std::move(state)) {}
GreylistServer::~GreylistServer() = default;

Result<std::unique_ptr<GreylistServer>> GreylistServer::open(greylist::Configuration configuration,
                                                             std::shared_ptr<const SourceCatalogue> sources,
                                                             Load load, Options options) {
  auto state = std::make_unique<State>(std::move(load), std::move(options));
  if (auto opened = state->open(std::move(configuration), std::move(sources)); !opened) {
    state->close();
    return std::unexpected(std::move(opened.error()));
  }
  return std::unique_ptr<GreylistServer>(new GreylistServer(std::move(state)));
}

Result<void> GreylistServer::State::open(greylist::Configuration configuration,
                                         std::shared_ptr<const SourceCatalogue> sources) {
  const auto door = listener_of(configuration);
  if (!door) return std::unexpected(door.error());
  auto listening = MultiplexerListener::open(*door);
  if (!listening) return std::unexpected(std::move(listening.error()));
  listener = std::move(*listening);
  if (auto dropped = options.drop_privileges(); !dropped) return dropped;
  auto opened_log = io::Log::open(options.log);
  if (!opened_log) return std::unexpected(std::move(opened_log.error()));
  log = std::move(*opened_log);
  pool = std::make_unique<io::WorkerPool>(kPoolThreads);
  io::Resolver::Settings dns;
  dns.forward = options.dns_server;
  dns.timeout = kDnsTimeout;
  resolver = std::make_unique<io::Resolver>(dns);

  GreylistState::Options kept;
  kept.folder = options.state;
  kept.dump = configuration.dumpfile.value;
  kept.prefixes = {static_cast<std::uint8_t>(configuration.subnetmatch.value),
                   static_cast<std::uint8_t>(configuration.subnetmatch6.value)};
  kept.table.timeout = configuration.timeout.value;
  kept.table.lazyaw = configuration.lazyaw.value;
  std::vector<std::string> notes;
  auto opened = GreylistState::open(kept, random, clock.now(), notes);
  for (const auto& note : notes) log->warning("state", escaped(note));
  if (!opened) return std::unexpected(std::move(opened.error()));
  tuples = std::move(*opened);
  services = std::unique_ptr<GreylistServices>(
      new GreylistServices{clock, *log, *pool, *resolver, tuples->store(), statistics, options.names, rates});
  file = io::stamp_of(options.file);
  use(std::move(configuration), std::move(sources));
  peers = std::make_unique<GreylistPeers>(clock, *log, *pool, tuples->store(), random);
  if (auto known = peers->use(current()->configuration); !known) return known;

  const auto answer = [this](const nlohmann::json& request, const ControlServer::Row& row,
                             const ControlServer::Body&) {
    return answer_greylist(request, *tuples, *current()->configuration, clock.now(), row);
  };
  auto listening_to = ControlServer::open(main, (options.state / "control").string(), *pool, *pool, answer);
  if (!listening_to) return std::unexpected(std::move(listening_to.error()));
  control = std::move(*listening_to);

  const auto threads = std::max(1U, std::thread::hardware_concurrency());
  for (unsigned i = 0; i < std::min(threads, 64U); ++i) workers.push_back(std::make_unique<Worker>(random));
  return {};
}

void GreylistServer::State::use(greylist::Configuration configuration,
                                std::shared_ptr<const SourceCatalogue> sources) {
  auto next = std::make_shared<const GreylistRules>(std::move(configuration), std::move(sources));
  tell_countries(*next);
  const auto& stat = next->configuration->stat;
  if (auto opened = statistics.open(stat ? stat->output : ""); !opened)
    log->error("stat", escaped(opened.error().text));
  const std::lock_guard lock(mutex);
  rules = std::move(next);
}

void GreylistServer::State::tell_countries(const GreylistRules& in_force) {
  if (!in_force.countries) return;
  for (const auto& notice : in_force.countries->refresh(clock.now())) {
    if (notice.level == io::GeoDatabases::Notice::Level::warning) {
      log->warning("geoip", escaped(notice.text));
    } else {
      log->info("geoip", escaped(notice.text));
    }
  }
}

void GreylistServer::State::begin(Worker& worker, io::Stream::Socket socket) {
  ++services->begun;
  auto session = std::make_shared<GreylistSession>(*services, current(), worker.thread.context(),
                                                   io::Stream(std::move(socket), worker.thread.sweep()));
  worker.sessions.insert(session);
  session->start([&worker, pointer = std::weak_ptr(session)] {
    if (const auto ended = pointer.lock()) worker.sessions.erase(ended);
  });
}

void GreylistServer::State::reload(std::string_view why) {
  file = io::stamp_of(options.file);  // so that a SIGHUP after a change is one reload
  config::Diagnostics diagnostics;
  auto sources = std::make_shared<SourceCatalogue>();
  auto loaded = load(diagnostics, *sources);
  log_diagnostics(*log, "config", diagnostics, *sources);
  if (!loaded || diagnostics.failed()) {
    log->error("config",
               "reload: " + (loaded ? std::string("the file is bad") : escaped(loaded.error().text)) +
                   "; the configuration in force stays");
    return;
  }
  const auto before = current();
  // What greylist.conf(5) names as taking a restart, and what the remembered tuples are found by.
  const auto& old = *before->configuration;
  if (loaded->socket.value != old.socket.value || loaded->subnetmatch.value != old.subnetmatch.value ||
      loaded->subnetmatch6.value != old.subnetmatch6.value || loaded->timeout.value != old.timeout.value ||
      loaded->lazyaw.value != old.lazyaw.value || loaded->syncaddr.value != old.syncaddr.value ||
      loaded->syncmaxqlen.value != old.syncmaxqlen.value)
    log->warning("config",
                 "reload: changes of socket, subnetmatch, subnetmatch6, timeout, lazyaw, syncaddr and "
                 "syncmaxqlen count after a restart");
  use(std::move(*loaded), std::move(sources));
  if (const auto known = peers->use(current()->configuration); !known)
    log->error("peer", escaped(known.error().text));
  log->info("config", "reloaded " + escaped(options.file) + " -- " + std::string(why));
}

asio::awaitable<void> GreylistServer::State::look_at_files() {
  asio::steady_timer timer(main);
  while (!stopping) {
    timer.expires_after(kLook);
    co_await timer.async_wait(kQuiet);
    const auto stamp = io::stamp_of(options.file);
    if (!(stamp == file) && stamp.exists && !stopping) reload(escaped(options.file) + " has changed");
    auto refresh = [this, in_force = current()] {
      tell_countries(*in_force);
      return true;
    };
    co_await pool->run(std::move(refresh));
  }
}

void GreylistServer::State::save() {
  auto saved = tuples->store().flush();
  if (saved) {
    unsaved_dump += saved->changes;
    if (peers) peers->tell(std::move(saved->told));
  } else {
    log->error("state", "what was decided lately is not saved: " + escaped(saved.error().text));
  }
}

void GreylistServer::State::dump() {
  const auto& all = *current()->configuration;
  if (unsaved_dump.exchange(0) == 0) return;
  const auto written = tuples->dump(all.dumpfile.value, all.dumpfile_mode, dates_of(all), clock.now());
  if (!written) log->error("state", "dumpfile: " + escaped(written.error().text));
}

void GreylistServer::State::expire() {
  for (;;) {
    const auto looked = tuples->store().expire(greylist::seconds_of(clock.now()), kExpireStep);
    if (!looked) log->error("state", "forget what has expired: " + escaped(looked.error().text));
    if (!looked || *looked < kExpireStep) return;
  }
}

asio::awaitable<void> GreylistServer::State::keep_state() {
  asio::steady_timer timer(main);
  auto expires = std::chrono::steady_clock::now() + kExpire;
  while (!stopping) {
    timer.expires_after(options.save);
    co_await timer.async_wait(kQuiet);
    const bool expiring = std::chrono::steady_clock::now() >= expires;
    if (expiring) expires = std::chrono::steady_clock::now() + kExpire;
    auto work = [this, expiring] {
      save();
      if (expiring) expire();
      return true;
    };
    co_await pool->run(std::move(work));
  }
}

asio::awaitable<void> GreylistServer::State::keep_dump() {
  asio::steady_timer timer(main);
  while (!stopping) {
    const auto every = current()->configuration->dumpfreq.value;
    timer.expires_after(std::max<std::chrono::seconds>(every, kLook));
    co_await timer.async_wait(kQuiet);
    if (every.count() < 0 || stopping) continue;
    auto work = [this] {
      dump();
      return true;
    };
    co_await pool->run(std::move(work));
  }
}

asio::awaitable<void> GreylistServer::State::stop() {
  stopping = true;
  log->info("greylist", "terminating");
  control->stop();
  listener->close();
  for (auto& worker : workers)
    asio::post(worker->thread.context(), [&one = *worker] {
      const auto sessions = one.sessions;  // one that ends leaves the set
      for (const auto& session : sessions) session->stop();
    });
  asio::steady_timer timer(main);
  const auto end = std::chrono::steady_clock::now() + kFarewell;
  while (services->begun != services->ended && std::chrono::steady_clock::now() < end) {
    timer.expires_after(std::chrono::milliseconds{20});
    co_await timer.async_wait(kQuiet);
  }
  main.stop();
}

int GreylistServer::run(const std::function<void()>& ready) {
  auto& state = *state_;
  asio::signal_set signals(state.main, SIGTERM, SIGINT, SIGHUP);
  auto reload = [&state] { state.reload("SIGHUP"); };
  auto stop = [&state] { return state.stop(); };
  asio::co_spawn(state.main, handle_signals(signals, reload, stop), asio::detached);
  asio::co_spawn(state.main, state.look_at_files(), asio::detached);
  asio::co_spawn(state.main, state.keep_state(), asio::detached);
  asio::co_spawn(state.main, state.keep_dump(), asio::detached);
  for (auto& worker : state.workers) {
    worker->thread.start();
    state.listener->start(
        worker->thread.context(),
        [&state, &one = *worker](io::Stream::Socket socket) { state.begin(one, std::move(socket)); },
        [] { return false; });
  }
  state.peers->start();
  state.control->start();
  const auto load = state.tuples->store().table().load();
  state.log->info("greylist", "started -- " + state.listener->spec().text() + ", " +
                                  std::to_string(state.current()->configuration->rules.size()) + " rules, " +
                                  std::to_string(load.pending) + " pending, " +
                                  std::to_string(load.autowhite) + " autowhite");
  sd_notify(0, "READY=1");
  ready();
  state.main.run();
  state.close();
  return EX_OK;
}

void GreylistServer::State::close() {
  for (auto& worker : workers) worker->thread.stop();
  for (auto& worker : workers) worker->thread.join();
  if (peers) peers->stop();
  if (resolver) resolver->stop();
  if (pool) pool->stop();
  // Before the contexts that their sockets belong to.
  for (auto& worker : workers) worker->sessions.clear();
  listener.reset();
  peers.reset();
  control.reset();
  workers.clear();
  if (tuples && current()) {
    save();
    if (current()->configuration->dumpfreq.value.count() >= 0) dump();
  }
  tuples.reset();
  if (log) log->flush();
}

}  // namespace hikyaku::serve
