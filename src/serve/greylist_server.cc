#include "serve/greylist_server.h"

#include <sysexits.h>
#include <systemd/sd-daemon.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "io/system_clock.h"
#include "io/system_random.h"
#include "serve/greylist_session.h"
#include "serve/io_thread.h"
#include "serve/multiplexer_listener.h"
#include "serve/service_signals.h"
#include "serve/watchdog.h"

namespace hikyaku::serve {
namespace {

namespace asio = boost::asio;
constexpr auto kQuiet = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kPoolThreads = 4;
constexpr std::chrono::seconds kFarewell{8};    // for messages to end in, at SIGTERM
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

}  // namespace

struct GreylistServer::State {
  explicit State(Options the_options) : options(std::move(the_options)) {}

  Options options;
  io::SystemClock clock;
  io::SystemRandom random;
  std::unique_ptr<io::Log> log;
  std::unique_ptr<io::WorkerPool> pool;
  std::unique_ptr<io::Resolver> resolver;
  asio::io_context main{1};
  std::unique_ptr<Greylisting> greylisting;
  std::vector<std::unique_ptr<Worker>> workers;
  std::unique_ptr<MultiplexerListener> listener;

  Result<void> open(std::shared_ptr<const GreylistRules> rules, Greylisting::Load load);
  void begin(Worker& worker, io::Stream::Socket socket);
  asio::awaitable<void> stop();
  void close();
};

GreylistServer::GreylistServer(std::unique_ptr<State> state) : state_(std::move(state)) {}
GreylistServer::~GreylistServer() = default;

Result<std::unique_ptr<GreylistServer>> GreylistServer::open(std::shared_ptr<const GreylistRules> rules,
                                                             Greylisting::Load load, Options options) {
  auto state = std::make_unique<State>(std::move(options));
  if (auto opened = state->open(std::move(rules), std::move(load)); !opened) {
    state->close();
    return std::unexpected(std::move(opened.error()));
  }
  return std::unique_ptr<GreylistServer>(new GreylistServer(std::move(state)));
}

Result<void> GreylistServer::State::open(std::shared_ptr<const GreylistRules> rules, Greylisting::Load load) {
  const auto door = listener_of(*rules->configuration);
  if (!door) return std::unexpected(door.error());
  auto listening = MultiplexerListener::open(*door);
  if (!listening) return std::unexpected(std::move(listening.error()));
  listener = std::move(*listening);
  if (auto dropped = options.drop_privileges(); !dropped) return dropped;
  auto opened_log = io::Log::open(options.log);
  if (!opened_log) return std::unexpected(std::move(opened_log.error()));
  log = std::move(*opened_log);
  log->set_facility(rules->configuration->logfac.value);
  pool = std::make_unique<io::WorkerPool>(kPoolThreads);
  io::Resolver::Settings dns;
  dns.forward = options.dns_server;
  dns.timeout = kDnsTimeout;
  resolver = std::make_unique<io::Resolver>(dns);
  options.greylisting.dns_server = options.dns_server;
  auto opened = Greylisting::open(std::move(rules), std::move(load), options.greylisting,
                                  {clock, random, *log, *pool, *resolver, main});
  if (!opened) return std::unexpected(std::move(opened.error()));
  greylisting = std::move(*opened);

  const auto threads = std::max(1U, std::thread::hardware_concurrency());
  for (unsigned i = 0; i < std::min(threads, 64U); ++i) workers.push_back(std::make_unique<Worker>(random));
  return {};
}

void GreylistServer::State::begin(Worker& worker, io::Stream::Socket socket) {
  auto& services = greylisting->services();
  ++services.begun;
  auto session = std::make_shared<GreylistSession>(services, greylisting->rules(), worker.thread.context(),
                                                   io::Stream(std::move(socket), worker.thread.sweep()));
  worker.sessions.insert(session);
  session->start([&worker, pointer = std::weak_ptr(session)] {
    if (const auto ended = pointer.lock()) worker.sessions.erase(ended);
  });
}

asio::awaitable<void> GreylistServer::State::stop() {
  log->info("greylist", "terminating");
  greylisting->stop();
  listener->close(MultiplexerListener::Waiting::left);
  for (auto& worker : workers)
    asio::post(worker->thread.context(), [&one = *worker] {
      const auto sessions = one.sessions;  // one that ends leaves the set
      for (const auto& session : sessions) session->stop();
    });
  asio::steady_timer timer(main);
  const auto end = std::chrono::steady_clock::now() + kFarewell;
  const auto& services = greylisting->services();
  while (services.begun != services.ended && std::chrono::steady_clock::now() < end) {
    timer.expires_after(std::chrono::milliseconds{20});
    co_await timer.async_wait(kQuiet);
  }
  main.stop();
}

int GreylistServer::run(const std::function<void()>& ready) {
  auto& state = *state_;
  asio::signal_set signals(state.main, SIGTERM, SIGINT, SIGHUP);
  auto reload = [&state] { state.greylisting->reload("SIGHUP"); };
  auto stop = [&state] { return state.stop(); };
  asio::co_spawn(state.main, handle_signals(signals, reload, stop), asio::detached);
  bool confined = false;
  for (auto& worker : state.workers) {
    confined = worker->thread.start();
    state.listener->start(
        worker->thread.context(),
        [&state, &one = *worker](io::Stream::Socket socket) { state.begin(one, std::move(socket)); },
        [] { return false; });
  }
  state.greylisting->start();
  const auto told = "threads of connections: " + IoThread::text(confined);
  confined ? state.log->info("greylist", told) : state.log->warning("greylist", told);
  state.log->info("greylist",
                  "started -- " + state.listener->spec().text() + ", " + state.greylisting->text());
  sd_notify(0, "READY=1");
  ready();
  std::vector<asio::any_io_executor> watched;
  for (auto& worker : state.workers) watched.push_back(worker->thread.context().get_executor());
  asio::co_spawn(state.main, keep_watchdog(std::move(watched)), asio::detached);
  state.main.run();
  state.close();
  return EX_OK;
}

void GreylistServer::State::close() {
  for (auto& worker : workers) worker->thread.stop();
  for (auto& worker : workers) worker->thread.join();
  if (greylisting) greylisting->stop_peers();
  if (resolver) resolver->stop();
  if (pool) pool->stop();
  // Before the contexts that their sockets belong to.
  for (auto& worker : workers) worker->sessions.clear();
  listener.reset();
  if (greylisting) greylisting->close();
  workers.clear();
  if (log) log->flush();
}

}  // namespace hikyaku::serve
