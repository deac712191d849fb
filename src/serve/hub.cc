#include "serve/hub.h"

#include <sysexits.h>
#include <systemd/sd-daemon.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <map>
#include <thread>

#include "base/escape.h"
#include "io/log.h"
#include "io/system_clock.h"
#include "io/system_random.h"
#include "serve/administration.h"
#include "serve/client_conversation.h"
#include "serve/control_server.h"
#include "serve/databases.h"
#include "serve/domain_flush.h"
#include "serve/doors.h"
#include "serve/greylisting.h"
#include "serve/io_thread.h"
#include "serve/log_diagnostics.h"
#include "serve/mailbox_databases.h"
#include "serve/mailbox_upkeep.h"
#include "serve/notice_milters.h"
#include "serve/outbound.h"
#include "serve/pickup.h"
#include "serve/pop3_conversation.h"
#include "serve/server_conversation.h"
#include "serve/service_signals.h"
#include "serve/services.h"
#include "serve/watchdog.h"

namespace hikyaku::serve {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
constexpr auto kQuiet = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kPoolThreads = 4;
// Those that count from the start on.
constexpr std::array kReadAtStart = {"hikyaku_confinement",
                                     "hikyaku_writable_directories",
                                     "hikyaku_greylist",
                                     "hikyaku_greylist_state",
                                     "hikyaku_greylist_save",
                                     "hikyaku_greylist_pools",
                                     "hikyaku_greylist_domain_passes",
                                     "hikyaku_greylist_peer_secret_file",
                                     "hikyaku_greylist_peer_tls_cert_file",
                                     "hikyaku_greylist_peer_tls_key_file",
                                     "hikyaku_greylist_peer_tls_CAfile",
                                     "hikyaku_greylist_peer_plain"};
constexpr std::size_t kWaitingThreads = 32;  // they wait for others: idle but for that
constexpr std::chrono::seconds kRefresh{2};
constexpr std::chrono::minutes kUpkeep{1};
constexpr int kRefreshNiceness = 10;  // a large table is read anew in a second or more: mail goes first
constexpr std::chrono::seconds kFarewell{8};  // for conversations to end in, at SIGTERM

Greylisting::Options greylisting_options(const config::Main& main, const HubGreylist& greylist,
                                         std::shared_ptr<SourceCatalogue> sources) {
  const auto& configuration = *greylist.rules->configuration;
  Greylisting::Options options;
  options.file = greylist.file;
  options.stamp = greylist.stamp;
  options.state = main.text("hikyaku_greylist_state").text;
  options.own_log = false;
  options.dns_server = main.text("hikyaku_dns_server").text;
  // Beside another program's, only where the file asks for it.
  options.writes_dump = configuration.dumpfile.given();
  options.save = main.duration("hikyaku_greylist_save");
  // What mail filters and people look for in X-Greylist headers.
  options.names = {"milter-greylist-4.6.4", "4.6.4", main.text("myhostname").text};
  options.learning = hub_learning(main);
  auto& peers = options.peer_security;
  peers.secret_file = main.text("hikyaku_greylist_peer_secret_file").text;
  peers.certificate_file = main.text("hikyaku_greylist_peer_tls_cert_file").text;
  peers.key_file = main.text("hikyaku_greylist_peer_tls_key_file").text;
  peers.ca_file = main.text("hikyaku_greylist_peer_tls_CAfile").text;
  for (const auto& host : main.list("hikyaku_greylist_peer_plain")) peers.plain.push_back(host.text);
  options.prefixes = prefixes_of(configuration, options.learning);
  options.sources = std::move(sources);
  return options;
}

}  // namespace

struct Hub::State {
  Load load;
  io::SystemClock clock;
  io::SystemRandom random;
  std::unique_ptr<io::Log> log;
  Metrics metrics;
  std::unique_ptr<io::WorkerPool> pool, waiting, lookups, refreshing;
  std::unique_ptr<io::Resolver> resolver;
  std::unique_ptr<io::SaslLibrary> sasl;
  std::unique_ptr<io::Users> users;
  io::CredentialCache credentials{random};
  io::AuthThrottle auth_throttle;
  policy::ClientRates client_rates;
  std::unique_ptr<QueueDatabase> queue;
  MailboxDatabases mailboxes{
      [this] { return MailboxSettings::of(services ? *services->running() : *at_start); }, clock};
  std::shared_ptr<const Running> at_start;  // until there are services
  std::unique_ptr<record::IdSource> ids;
  std::unique_ptr<Services> services;
  std::unique_ptr<Greylisting> greylisting;
  std::map<std::string_view, std::string> as_at_start;  // what is read at the start
  std::unique_ptr<Outbound> outbound;
  std::unique_ptr<DomainFlush> domain_flush;
  std::unique_ptr<Administration> administration;
  std::vector<std::unique_ptr<IoThread>> threads;
  std::atomic<std::size_t> next_thread{0};
  std::atomic<std::size_t> conversations{0};

  asio::io_context main{1};
  std::unique_ptr<ControlServer> control;
  std::unique_ptr<Pickup> pickup;  // of the first thread
  std::unique_ptr<asio::steady_timer> scan_timer;
  std::atomic<bool> scan_wanted{false};
  std::unique_ptr<Doors> doors;
  std::optional<io::Confinement> confinement;
  bool threads_confined = false;  // those of connections
  int exit_code = EX_OK;
  bool stopping = false;

  Result<void> open(std::shared_ptr<const Running> running, Begun begun);
  Result<void> mount_mailboxes(std::vector<std::string>& notes);
  void begin_conversation(tcp::socket socket, IoThread& thread, const std::string& host, std::uint16_t port);
  asio::awaitable<void> converse(tcp::socket socket, IoThread& thread, std::shared_ptr<const Running> running,
                                 const Listener* listener);
  asio::awaitable<void> deliver(std::shared_ptr<DestinationQueue::Destination> destination, IoThread& thread);
  asio::awaitable<void> pass_notices(std::shared_ptr<const Running> running, IoThread& thread,
                                     std::vector<Notice> notices,
                                     std::function<void(std::vector<Notice>)> then);
  asio::awaitable<void> pick_up();
  asio::awaitable<void> scan_loop();
  asio::awaitable<void> refresh_loop();
  asio::awaitable<void> upkeep_loop();
  void wake_scan();
  void reload();
  void reload_greylisting(const Running& next);
  void tell_diagnostics(const config::Diagnostics& diagnostics, const SourceCatalogue& sources);
  asio::awaitable<void> stop();
  void close();
};

Hub::Hub(std::unique_ptr<State> state) : state_(std::move(state)) {}
Hub::~Hub() = default;

Result<std::unique_ptr<Hub>> Hub::open(std::shared_ptr<const Running> running, Load load, Begun begun) {
  auto state = std::make_unique<State>();
  state->load = std::move(load);
  if (auto opened = state->open(std::move(running), std::move(begun)); !opened) {
    state->close();
    return std::unexpected(std::move(opened.error()));
  }
  return std::unique_ptr<Hub>(new Hub(std::move(state)));
}

Result<void> Hub::State::open(std::shared_ptr<const Running> running, Begun begun) {
  at_start = running;
  const auto& main_cf = running->files.main;
  io::LogSettings log_settings;
  log_settings.file = main_cf.text("maillog_file").text;
  if (log_settings.file.empty() && ::access("/dev/log", W_OK) != 0) log_settings.file = "-";
  log_settings.form = main_cf.text("hikyaku_log_format").text == "json" ? io::LogSettings::Form::json
                                                                        : io::LogSettings::Form::postfix;
  log_settings.hostname = running->hostname.substr(0, running->hostname.find('.'));
  auto opened_log = io::Log::open(log_settings);
  if (!opened_log) return std::unexpected(std::move(opened_log.error()));
  log = std::move(*opened_log);
  confinement = std::move(begun.confinement);
  if (confinement) {
    log->info("master", "confined: " + confinement->text());
    for (const auto& remark : confinement->remarks) log->warning("master", "hikyaku_confinement: " + remark);
  }

  pool = std::make_unique<io::WorkerPool>(kPoolThreads);
  waiting = std::make_unique<io::WorkerPool>(kWaitingThreads);
  lookups = std::make_unique<io::WorkerPool>(kWaitingThreads, io::WorkerPool::Confined{});
  refreshing = std::make_unique<io::WorkerPool>(1, kRefreshNiceness);
  io::Resolver::Settings dns;
  dns.forward = main_cf.text("hikyaku_dns_server").text;
  if (!dns.forward.empty() && !io::Resolver::is_server(dns.forward)) {
    return fail(Fault::permanent, "hikyaku_dns_server " + dns.forward + ": no address of a DNS server");
  }
  resolver = std::make_unique<io::Resolver>(dns);
  auto library = io::SaslLibrary::open();
  if (!library) return std::unexpected(std::move(library.error()));
  sasl = std::move(*library);
  users = std::make_unique<io::Users>(main_cf.text("hikyaku_user_file").text);

  std::vector<std::string> notes;
  auto opened_queue = QueueDatabase::open(*running, clock.now(), notes);
  if (!opened_queue) return std::unexpected(std::move(opened_queue.error()));
  queue = std::move(*opened_queue);
  if (auto mounted = mount_mailboxes(notes); !mounted) return mounted;
  for (const auto& note : notes) log->info("qmgr", escaped(note));
  if (auto remembered = queue->queue->remember_sources(running->sources->names()); !remembered)
    return remembered;

  ids = std::make_unique<record::IdSource>(queue->queue->last_id());
  services = std::unique_ptr<Services>(new Services{
      clock, random, *log, *pool, *waiting, *lookups, metrics, *resolver, *sasl, *users, credentials,
      auth_throttle, client_rates, *ids, *queue->queue, *queue->blob, *queue->commits, mailboxes});
  services->use(running);
  at_start.reset();
  for (const auto* name : kReadAtStart) as_at_start.emplace(name, main_cf.text(name).text);
  if (const auto& greylist = running->greylist; greylist.rules) {
    auto load_greylist = [file = greylist.file](config::Diagnostics& diagnostics, SourceCatalogue& sources) {
      return load_hub_greylist(file, diagnostics, sources);
    };
    auto opened = Greylisting::open(greylist.rules, std::move(load_greylist),
                                    greylisting_options(main_cf, greylist, running->sources),
                                    {clock, random, *log, *pool, *resolver, main});
    if (!opened) return std::unexpected(std::move(opened.error()));
    greylisting = std::move(*opened);
    services->greylisting = greylisting.get();
  }

  auto count = static_cast<std::size_t>(main_cf.integer("hikyaku_threads"));
  if (count == 0) count = std::max(1U, std::thread::hardware_concurrency());
  for (std::size_t i = 0; i < count; ++i) threads.push_back(std::make_unique<IoThread>(random));

  outbound = std::make_unique<Outbound>(
      *services, [this](std::shared_ptr<DestinationQueue::Destination> destination) {
        auto& thread = *threads[next_thread++ % threads.size()];
        asio::co_spawn(thread.context(), deliver(std::move(destination), thread), asio::detached);
      });
  outbound->on_wake([this] { wake_scan(); });
  outbound->on_notices([this](std::shared_ptr<const Running> current, std::vector<Notice> notices,
                              std::function<void(std::vector<Notice>)> then) {
    auto& thread = *threads[next_thread++ % threads.size()];
    asio::co_spawn(thread.context(),
                   pass_notices(std::move(current), thread, std::move(notices), std::move(then)),
                   asio::detached);
  });
  services->admit = [this](std::shared_ptr<ActiveMessage> message) { outbound->admit(std::move(message)); };
  domain_flush = std::make_unique<DomainFlush>(*services, *outbound);
  services->flush_domain = [this](std::string_view domain) { return domain_flush->ask(domain); };
  administration = std::make_unique<Administration>(*queue->queue, *queue->commits, *queue->blob, clock,
                                                    outbound.get(), &mailboxes, &services->mailbox_locks,
                                                    [this] { return services->running()->mailbox_rules(); });

  auto answer = [this](const nlohmann::json& request, const ControlServer::Row& row,
                       const ControlServer::Body& body) {
    if (request.value("command", std::string()) == "confinement") {
      row({{"confined", confinement.has_value()},
           {"text", confinement ? confinement->text() : io::Confinement{}.text()},
           {"threads_confined", threads_confined},
           {"threads", IoThread::text(threads_confined)}});
      return Result<int>(EX_OK);
    }
    return administration->answer(request, row, body);
  };
  auto opened_control =
      ControlServer::open(main, control_path(running->queue_directory), *pool, *waiting, std::move(answer));
  if (!opened_control) return std::unexpected(std::move(opened_control.error()));
  control = std::move(*opened_control);

  auto opened_pickup = Pickup::open(threads.front()->context(), *services, threads.front()->sweep());
  if (!opened_pickup) return std::unexpected(std::move(opened_pickup.error()));
  pickup = std::move(*opened_pickup);

  if (const auto& address = main_cf.text("hikyaku_http_listen").text; !address.empty()) {
    metrics.gauge("hikyaku_queue_messages", "messages in the queue",
                  [this] { return static_cast<double>(queue->queue->counts().messages); });
    metrics.gauge("hikyaku_queue_held", "messages on hold",
                  [this] { return static_cast<double>(queue->queue->counts().held); });
    metrics.gauge("hikyaku_queue_octets", "octets of the messages in the queue",
                  [this] { return static_cast<double>(queue->queue->counts().octets); });
    metrics.gauge("hikyaku_mailbox_database_mounted", "1: the mailbox database is mounted", "database",
                  [this] { return mailboxes.states(); });
    if (auto listening = metrics.listen(address); !listening) return listening;
  }
  doors = std::make_unique<Doors>(
      threads, std::move(begun.sockets),
      [this](tcp::socket socket, IoThread& thread, const std::string& host, std::uint16_t port) {
        begin_conversation(std::move(socket), thread, host, port);
      });
  if (auto opened = doors->open(running->listeners); !opened) return opened;
  for (const auto& place : doors->unused())
    log->warning("master", "systemd listens on " + place + " for us, and no line of master.cf does");
  return {};
}

/// What is damaged waits for a person; the other databases, the queue and all other mail do not.
Result<void> Hub::State::mount_mailboxes(std::vector<std::string>& notes) {
  if (auto opened = mailboxes.open(notes); !opened) return opened;
  const auto names = mailboxes.names();
  if (!names) log->error("store", escaped(names.error().text));
  bool waits = !names;
  for (const auto& name : names.value_or(std::vector<std::string>())) {
    const auto mounted = mailboxes.mount(name, notes);
    if (mounted) continue;
    const bool is_default = name == record::MailboxCatalogue::kDefault;
    if (is_default && mounted.error().fault != Fault::corrupt) return mounted;
    waits = true;
    log->error("store", escaped(mounted.error().text));
  }
  if (waits) {
    log->error("store",
               "mail for mailboxes waits in the queue until hikyaku store mount has mounted the database");
  }
  return {};
}

/// By the configuration that is in force now.
void Hub::State::begin_conversation(tcp::socket socket, IoThread& thread, const std::string& host,
                                    std::uint16_t port) {
  auto running = services->running();
  const auto found = std::ranges::find_if(
      running->listeners, [&](const auto& one) { return one->host == host && one->port == port; });
  if (found == running->listeners.end()) return;
  const Listener* listener = found->get();
  asio::co_spawn(thread.context(), converse(std::move(socket), thread, std::move(running), listener),
                 asio::detached);
}

asio::awaitable<void> Hub::State::converse(tcp::socket socket, IoThread& thread,
                                           std::shared_ptr<const Running> running, const Listener* listener) {
  ++conversations;
  io::Stream stream(io::Stream::Socket(std::move(socket)), thread.sweep());
  io::DovecotAuth* dovecot = listener->dovecot_path.empty()
                                 ? nullptr
                                 : thread.dovecot(listener->dovecot_path, listener->pop3 ? "pop3" : "smtp");
  try {
    if (listener->pop3) {
      const auto conversation =
          std::make_unique<Pop3Conversation>(*services, running, *listener, std::move(stream), dovecot);
      co_await conversation->run();
    } else {
      const auto conversation = std::make_unique<ServerConversation>(
          *services, running, *listener, std::move(stream), thread.sweep(), dovecot);
      co_await conversation->run();
    }
  } catch (const std::exception& error) {
    log->error(listener->log_tag,
               std::string("a conversation ended by an exception: ") + escaped(error.what()));
  }
  --conversations;
}

asio::awaitable<void> Hub::State::deliver(std::shared_ptr<DestinationQueue::Destination> destination,
                                          IoThread& thread) {
  auto conversation = std::make_unique<ClientConversation>(*services, *outbound, *resolver, thread.sweep(),
                                                           std::move(destination));
  try {
    co_await conversation->run();
  } catch (const std::exception& error) {
    log->error("smtp", std::string("a delivery ended by an exception: ") + escaped(error.what()));
  }
}

void Hub::State::wake_scan() {
  if (scan_wanted.exchange(true)) return;
  asio::post(main, [this] {
    if (scan_timer) scan_timer->cancel();
  });
}

asio::awaitable<void> Hub::State::pass_notices(std::shared_ptr<const Running> running, IoThread& thread,
                                               std::vector<Notice> notices,
                                               std::function<void(std::vector<Notice>)> then) {
  auto left = co_await filter_notices(*services, std::move(running), thread.sweep(), std::move(notices));
  if (left) then(*std::move(left));
}

asio::awaitable<void> Hub::State::scan_loop() {
  scan_timer = std::make_unique<asio::steady_timer>(main);
  while (!stopping) {
    scan_wanted = false;
    auto scan = [this] { return outbound->scan(); };
    const auto next = co_await pool->run(std::move(scan));
    const auto now = clock.now();
    if (scan_wanted) {
      // Often asked for, as when many messages end at once: not more than a few times a second.
      scan_timer->expires_after(std::chrono::milliseconds{100});
    } else {
      scan_timer->expires_after(next > now ? next - now : std::chrono::microseconds{100'000});
    }
    co_await scan_timer->async_wait(kQuiet);
  }
}

asio::awaitable<void> Hub::State::pick_up() {
  ++conversations;
  try {
    co_await pickup->run();
  } catch (const std::exception& error) {
    log->error("pickup", std::string("ended by an exception: ") + escaped(error.what()));
  }
  --conversations;
}

asio::awaitable<void> Hub::State::upkeep_loop() {
  asio::steady_timer timer(main);
  MailboxUpkeep upkeep(*services);
  while (!stopping) {
    auto run = [&] {
      upkeep.run(clock.now());
      return true;
    };
    co_await refreshing->run(std::move(run));
    timer.expires_after(kUpkeep);
    co_await timer.async_wait(kQuiet);
  }
}

asio::awaitable<void> Hub::State::refresh_loop() {
  asio::steady_timer timer(main);
  while (!stopping) {
    timer.expires_after(kRefresh);
    co_await timer.async_wait(kQuiet);
    auto refresh = [this] {
      const auto running = services->running();
      running->tables->refresh();
      for (const auto& remark : running->tables->take_diagnostics()) {
        log->warning("tables", running->sources->text(remark.where) + ": " + escaped(remark.text));
      }
      for (const auto& listener : running->listeners) {
        if (!listener->tls) continue;
        const auto read = listener->tls->refresh();
        if (!read) {
          log->warning(listener->log_tag, "the certificates in use stay: " + escaped(read.error().text));
        } else if (*read) {
          log->info(listener->log_tag, "certificates were read again");
        }
      }
      return true;
    };
    co_await refreshing->run(std::move(refresh));
  }
}

void Hub::State::tell_diagnostics(const config::Diagnostics& diagnostics, const SourceCatalogue& sources) {
  log_diagnostics(*log, "master", diagnostics, sources);
}

void Hub::State::reload() {
  config::Diagnostics diagnostics;
  auto next = load(diagnostics);
  tell_diagnostics(diagnostics, *services->running()->sources);
  if (!next) {
    log->error("master", "reload: the configuration is bad; the one in force stays");
    return;
  }
  if (next->queue_directory != services->running()->queue_directory ||
      next->data_directory != services->running()->data_directory) {
    log->error("master",
               "reload: queue_directory and data_directory can't change while the hub runs; the "
               "configuration in force stays");
    return;
  }
  if (auto remembered = queue->queue->remember_sources(next->sources->names()); !remembered) {
    log->error("master", "reload: " + escaped(remembered.error().text));
    return;
  }
  const auto previous = services->running();
  services->use(next);
  if (auto opened = doors->open(next->listeners); !opened) {
    services->use(previous);
    log->error("master", "reload: " + escaped(opened.error().text) + "; the configuration in force stays");
    return;
  }
  mailboxes.set_default_quota(next->mailbox_quota);
  reload_greylisting(*next);
  log->info("master", "reload -- configuration " + next->files.main.text("config_directory").text);
}

/// What counts at the start alone is told where it has changed since.
void Hub::State::reload_greylisting(const Running& next) {
  const auto& main_cf = next.files.main;
  for (const auto& [name, value] : as_at_start)
    if (main_cf.text(name).text != value)
      log->warning("master", "reload: " + next.sources->text(main_cf.origin(name)) + ": a changed " +
                                 std::string(name) + " counts after a restart");
  const bool same_file = main_cf.text("hikyaku_greylist").text == as_at_start.at("hikyaku_greylist");
  if (greylisting && same_file) greylisting->use(next.greylist.rules, "reload");
}

/// Ends politely: no new connections; idle clients get 421; what is under way may finish for a while.
asio::awaitable<void> Hub::State::stop() {
  stopping = true;
  services->stopping = true;
  outbound->stop();
  log->info("master", "terminating");
  control->stop();
  if (greylisting) greylisting->stop();
  pickup->stop();
  doors->close();
  if (scan_timer) scan_timer->cancel();
  asio::steady_timer timer(main);
  const auto end = std::chrono::steady_clock::now() + kFarewell;
  for (bool asked = false; conversations > 0 && std::chrono::steady_clock::now() < end; asked = true) {
    if (!asked) {
      for (auto& thread : threads) {
        asio::post(thread->context(), [&sweep = thread->sweep()] { sweep.expire_idle(); });
      }
    }
    timer.expires_after(std::chrono::milliseconds{20});
    co_await timer.async_wait(kQuiet);
  }
  main.stop();
}

int Hub::run(const std::function<void()>& ready) {
  auto& state = *state_;
  asio::signal_set signals(state.main, SIGTERM, SIGINT, SIGHUP);
  auto reload = [&state] { state.reload(); };
  auto stop = [&state] { return state.stop(); };
  asio::co_spawn(state.main, handle_signals(signals, reload, stop), asio::detached);
  for (auto& thread : state.threads) state.threads_confined = thread->start();
  const auto told = "threads of connections: " + IoThread::text(state.threads_confined);
  state.threads_confined ? state.log->info("master", told) : state.log->warning("master", told);
  state.control->start();
  if (state.greylisting) state.greylisting->start();
  asio::co_spawn(state.main, state.scan_loop(), asio::detached);
  asio::co_spawn(state.main, state.refresh_loop(), asio::detached);
  asio::co_spawn(state.threads.front()->context(), state.pick_up(), asio::detached);
  asio::co_spawn(state.main, state.upkeep_loop(), asio::detached);
  state.log->info("master", "daemon started -- configuration " +
                                state.services->running()->files.main.text("config_directory").text);
  sd_notify(0, "READY=1");
  ready();
  std::vector<asio::any_io_executor> watched;
  for (auto& thread : state.threads) watched.push_back(thread->context().get_executor());
  asio::co_spawn(state.main, keep_watchdog(std::move(watched)), asio::detached);
  state.main.run();
  state.close();
  return state.exit_code;
}

void Hub::State::close() {
  for (auto& thread : threads) thread->stop();
  for (auto& thread : threads) thread->join();
  // Nobody is there any more for what a server would answer: the mail is in the queue.
  for (auto* const one : {lookups.get(), waiting.get()}) {
    if (one != nullptr) one->stop(io::WorkerPool::Waiting::drop);
  }
  if (refreshing) refreshing->stop();
  if (greylisting) greylisting->stop_peers();
  if (pool) pool->stop();
  if (resolver) resolver->stop();
  if (queue) queue->commits->stop();
  mailboxes.stop();
  control.reset();
  if (greylisting) greylisting->close();
  if (log) log->flush();
}

}  // namespace hikyaku::serve
