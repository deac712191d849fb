#include "serve/multiplexer_server.h"

#include <sys/stat.h>
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
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include "base/escape.h"
#include "io/system_clock.h"
#include "io/system_random.h"
#include "serve/control_server.h"
#include "serve/io_thread.h"
#include "serve/log_diagnostics.h"
#include "serve/multiplexer_listener.h"
#include "serve/multiplexer_restart.h"
#include "serve/multiplexer_services.h"
#include "serve/multiplexer_session.h"
#include "serve/multiplexer_statistics.h"
#include "serve/service_signals.h"
#include "serve/watchdog.h"

namespace hikyaku::serve {
namespace {

namespace asio = boost::asio;
constexpr auto kQuiet = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kPoolThreads = 8;                   // they wait for disks, for names, and for Ruby
constexpr std::chrono::seconds kLook{1};                  // between looks at the configuration's files
constexpr std::chrono::seconds kFarewell{8};              // for messages to end in, at SIGTERM
constexpr std::chrono::milliseconds kFiltersEndIn{1500};  // for what we have started, at least

/// What tells that a file is another one now.
struct FileStamp {
  std::uint64_t inode = 0;
  std::int64_t size = -1, seconds = 0, nanoseconds = 0;
  bool operator==(const FileStamp&) const = default;
};

FileStamp stamp(const std::string& name) {
  struct stat status {};
  if (::stat(name.c_str(), &status) != 0) return {};
  return {status.st_ino, status.st_size, status.st_mtim.tv_sec, status.st_mtim.tv_nsec};
}

/// A thread and the sessions on it, which only it may touch.
struct Worker {
  explicit Worker(Random& random) : thread(random) {}
  IoThread thread;
  std::set<std::shared_ptr<MultiplexerSession>> sessions;
};

}  // namespace

struct MultiplexerServer::State {
  State(Load the_load, Options the_options) : load(std::move(the_load)), options(std::move(the_options)) {}

  Load load;
  Options options;
  io::SystemClock clock;
  io::SystemRandom random;
  std::unique_ptr<io::Log> log;
  std::unique_ptr<io::WorkerPool> pool, spooling;
  std::unique_ptr<io::Resolver> resolver;
  std::unique_ptr<VerdictFile> verdicts;
  std::unique_ptr<MultiplexerServices> services;
  std::mutex mutex;
  std::shared_ptr<const MultiplexerConfiguration> configuration;  // under the mutex
  std::map<std::string, FileStamp> files;
  std::vector<std::unique_ptr<Worker>> workers;
  std::unique_ptr<MultiplexerListener> listener;
  std::vector<std::unique_ptr<MultiplexerListener>> closed;  // their threads may still be at it
  asio::io_context main{1};
  std::unique_ptr<FilterProcesses> processes;
  std::unique_ptr<FilterRegistry> registry;
  std::unique_ptr<ControlServer> control;
  std::unique_ptr<MultiplexerMetrics> metrics;
  bool stopping = false;

  std::shared_ptr<const MultiplexerConfiguration> current() {
    const std::lock_guard lock(mutex);
    return configuration;
  }
  void use(Loaded loaded);
  Result<void> open(Loaded loaded);
  void serve(MultiplexerListener& door);
  void begin(Worker& worker, io::Stream::Socket socket);
  bool full();
  void reload(std::string_view why);
  void refresh_tables();
  asio::awaitable<void> look_at_files();
  asio::awaitable<void> stop();
  void close();
};

MultiplexerServer::MultiplexerServer(std::unique_ptr<State> state) : state_(std::move(state)) {}
MultiplexerServer::~MultiplexerServer() = default;

Result<std::unique_ptr<MultiplexerServer>> MultiplexerServer::open(Loaded loaded, Load load,
                                                                   Options options) {
  auto state = std::make_unique<State>(std::move(load), std::move(options));
  if (auto opened = state->open(std::move(loaded)); !opened) {
    state->close();
    return std::unexpected(std::move(opened.error()));
  }
  return std::unique_ptr<MultiplexerServer>(new MultiplexerServer(std::move(state)));
}

void MultiplexerServer::State::use(Loaded loaded) {
  files.clear();
  for (const auto& name : loaded.files) files[name] = stamp(name);
  auto next = std::make_shared<const MultiplexerConfiguration>(
      std::move(loaded.settings), std::move(loaded.sources), std::move(loaded.ruby), std::move(loaded.tables),
      *registry);
  const std::lock_guard lock(mutex);
  configuration = std::move(next);
}

Result<void> MultiplexerServer::State::open(Loaded loaded) {
  auto opened_log = io::Log::open(options.log);
  if (!opened_log) return std::unexpected(std::move(opened_log.error()));
  log = std::move(*opened_log);
  pool = std::make_unique<io::WorkerPool>(kPoolThreads);
  spooling = std::make_unique<io::WorkerPool>(kPoolThreads, io::WorkerPool::Confined{});
  processes = std::make_unique<FilterProcesses>(main, *log);
  registry = std::make_unique<FilterRegistry>(*processes);
  io::Resolver::Settings dns;
  dns.forward = options.dns_server;
  if (dns.forward.empty() && !loaded.settings.dns_servers.empty())
    dns.forward = loaded.settings.dns_servers.front();
  if (!dns.forward.empty() && !io::Resolver::is_server(dns.forward))
    return fail(Fault::permanent, "'" + escaped(dns.forward, 100) + "' is no address of a DNS server");
  resolver = std::make_unique<io::Resolver>(dns);
  if (!options.verdict_file.empty()) {
    auto file = VerdictFile::open(options.verdict_file, options.verdict_limit);
    if (!file) return std::unexpected(std::move(file.error()));
    verdicts = std::move(*file);
  }
  services = std::unique_ptr<MultiplexerServices>(new MultiplexerServices{
      clock, *log, *pool, *spooling, *resolver, verdicts.get(), options.spool_folder, options.record_folder});

  auto count = *loaded.settings.n_workers;
  if (count == 0) count = std::max(1U, std::thread::hardware_concurrency());
  for (std::size_t i = 0; i < std::min<std::size_t>(count, 64); ++i)
    workers.push_back(std::make_unique<Worker>(random));
  use(std::move(loaded));
  const auto in_force = current();
  auto door = MultiplexerListener::open(in_force->settings.manager, options.owner);
  if (!door) return std::unexpected(std::move(door.error()));
  listener = std::move(*door);

  const auto answer = [this](const nlohmann::json& request, const ControlServer::Row& row,
                             const ControlServer::Body&) {
    return answer_statistics(request, *services, *current(), row);
  };
  if (!options.control.empty()) {
    auto settings = in_force->settings.controller;
    settings.connection = {
        config::ConnectionSpec{.family = config::ConnectionSpec::Family::local, .path = options.control}, {}};
    auto opened = MultiplexerListener::open_unix(settings, options.owner);
    if (!opened) return std::unexpected(std::move(opened.error()));
    control = ControlServer::take(main, *opened, options.control, *settings.remove_unix_socket_on_close,
                                  *pool, *pool, answer);
  }
  if (options.http_listen.empty()) return {};
  metrics = std::make_unique<MultiplexerMetrics>([this] { return statistics(*services, *current()); });
  return metrics->listen(options.http_listen);
}

bool MultiplexerServer::State::full() {
  const auto most = *current()->settings.max_connections;
  return most != 0 && services->begun - services->ended >= most;
}

void MultiplexerServer::State::begin(Worker& worker, io::Stream::Socket socket) {
  const auto number = ++services->begun;
  auto session = std::make_shared<MultiplexerSession>(
      *services, current(), worker.thread.context(), worker.thread.sweep(),
      io::Stream(std::move(socket), worker.thread.sweep()), number);
  worker.sessions.insert(session);
  session->start([&worker, pointer = std::weak_ptr(session)] {
    if (const auto ended = pointer.lock()) worker.sessions.erase(ended);
  });
}

void MultiplexerServer::State::serve(MultiplexerListener& door) {
  for (auto& worker : workers) {
    door.start(
        worker->thread.context(),
        [this, &one = *worker](io::Stream::Socket socket) { begin(one, std::move(socket)); },
        [this] { return full(); });
  }
}

void MultiplexerServer::State::reload(std::string_view why) {
  config::Diagnostics diagnostics;
  auto sources = std::make_shared<SourceCatalogue>();
  auto loaded = load(diagnostics, *sources);
  log_diagnostics(*log, "manager", diagnostics, *sources);
  if (!loaded || diagnostics.failed()) {
    log->error(
        "manager",
        "reload: " + (loaded ? std::string("the configuration is bad") : escaped(loaded.error().text)) +
            "; the one in force stays");
    return;
  }
  std::unique_ptr<MultiplexerListener> fresh;
  if (**loaded->settings.manager.connection != listener->spec()) {
    auto opened = MultiplexerListener::open(loaded->settings.manager, options.owner);
    if (!opened) {
      log->error("manager", "reload: " + escaped(opened.error().text) + "; the configuration in force stays");
      return;
    }
    fresh = std::move(*opened);
  }
  const auto before = current();
  for (const auto& [name, origin] : not_until_restart(before->settings, loaded->settings, fresh != nullptr))
    log->warning("manager",
                 "reload: " + sources->text(origin) + ": " + name + " counts from the next start on");
  loaded->sources = std::move(sources);
  use(std::move(*loaded));
  if (fresh) {
    listener->close(MultiplexerListener::Waiting::taken);
    closed.push_back(std::exchange(listener, std::move(fresh)));
    serve(*listener);
  }
  log->info("manager", "reload -- " + std::string(why));
}

void MultiplexerServer::State::refresh_tables() {
  const auto in_force = current();
  if (!in_force->tables) return;
  auto& tables = in_force->tables->files;
  tables.refresh();
  for (const auto& remark : tables.take_diagnostics()) {
    const auto text = escaped(in_force->sources->text(remark.where) + ": " + remark.text);
    if (remark.level == table::Diagnostic::Level::error)
      log->error("manager", text);
    else
      log->warning("manager", text);
  }
}

/// A configuration that was edited counts without a signal; one that is bad is told once.
asio::awaitable<void> MultiplexerServer::State::look_at_files() {
  asio::steady_timer timer(main);
  while (!stopping) {
    timer.expires_after(kLook);
    co_await timer.async_wait(kQuiet);
    std::string changed;
    for (auto& [name, known] : files) {
      const auto now = stamp(name);
      if (now == known) continue;
      known = now;
      changed = name;
    }
    if (!changed.empty() && !stopping) reload(escaped(changed) + " has changed");
    refresh_tables();
  }
}

/// Ends politely: no new connections, those between messages end, messages under way may finish for a while.
asio::awaitable<void> MultiplexerServer::State::stop() {
  stopping = true;
  log->info("manager", "terminating");
  if (control) control->stop();
  listener->close(MultiplexerListener::Waiting::left);
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
  const auto left = std::chrono::floor<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
  co_await processes->end(std::max(left, kFiltersEndIn));
  main.stop();
}

int MultiplexerServer::run(const std::function<void()>& ready) {
  auto& state = *state_;
  asio::signal_set signals(state.main, SIGTERM, SIGINT, SIGHUP);
  auto reload = [&state] { state.reload("SIGHUP"); };
  auto stop = [&state] { return state.stop(); };
  asio::co_spawn(state.main, handle_signals(signals, reload, stop), asio::detached);
  asio::co_spawn(state.main, state.look_at_files(), asio::detached);
  bool confined = false;
  for (auto& worker : state.workers) confined = worker->thread.start();
  const auto told = "threads of connections: " + IoThread::text(confined);
  confined ? state.log->info("manager", told) : state.log->warning("manager", told);
  state.serve(*state.listener);
  if (state.control) state.control->start();
  state.log->info("manager", "started -- " + state.listener->spec().text() + ", " +
                                 std::to_string(state.current()->children.size()) + " filters");
  sd_notify(0, "READY=1");
  ready();
  std::vector<asio::any_io_executor> watched;
  for (auto& worker : state.workers) watched.push_back(worker->thread.context().get_executor());
  asio::co_spawn(state.main, keep_watchdog(std::move(watched)), asio::detached);
  state.main.run();
  state.close();
  return EX_OK;
}

void MultiplexerServer::State::close() {
  metrics.reset();
  for (auto& worker : workers) worker->thread.stop();
  for (auto& worker : workers) worker->thread.join();
  if (resolver) resolver->stop();
  for (auto* const one : {spooling.get(), pool.get()}) {
    if (one != nullptr) one->stop();
  }
  // Before the contexts that their sockets belong to.
  for (auto& worker : workers) worker->sessions.clear();
  listener.reset();
  closed.clear();
  control.reset();
  // What they hold of filters' processes tells `main` when it goes.
  workers.clear();
  configuration.reset();
  verdicts.reset();
  if (log) log->flush();
}

}  // namespace hikyaku::serve
