#include "serve/greylisting.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "base/escape.h"
#include "serve/greylist_administration.h"
#include "serve/log_diagnostics.h"

namespace hikyaku::serve {
namespace {

namespace asio = boost::asio;
constexpr auto kQuiet = asio::as_tuple(asio::use_awaitable);
constexpr std::chrono::seconds kLook{1};     // between looks at the files
constexpr std::chrono::seconds kExpire{30};  // between looks for what has expired
constexpr std::size_t kExpireStep = 4096;

greylist::DumpWriter::Dates dates_of(const greylist::Configuration& configuration) {
  return configuration.dump_no_time_translation.value ? greylist::DumpWriter::Dates::left_out
                                                      : greylist::DumpWriter::Dates::written;
}

}  // namespace

Greylisting::Greylisting(Load load, Options options, const Surroundings& surroundings)
    : load_(std::move(load)),
      options_(std::move(options)),
      at_(surroundings),
      checks_([&log = at_.log](const std::string& text) { log.warning("check", text); }),
      updates_(at_.clock, at_.random, at_.log, options_.dns_server) {}

Result<std::unique_ptr<Greylisting>> Greylisting::open(std::shared_ptr<const GreylistRules> rules, Load load,
                                                       Options options, const Surroundings& surroundings) {
  std::unique_ptr<Greylisting> made(new Greylisting(std::move(load), std::move(options), surroundings));
  if (auto begun = made->begin(std::move(rules)); !begun) return std::unexpected(std::move(begun.error()));
  return made;
}

Result<void> Greylisting::begin(std::shared_ptr<const GreylistRules> rules) {
  const auto& configuration = *rules->configuration;
  GreylistState::Options kept;
  kept.folder = options_.state;
  kept.dump = configuration.dumpfile.value;
  kept.prefixes = options_.prefixes;
  kept.table.timeout = configuration.timeout.value;
  kept.table.lazyaw = configuration.lazyaw.value;
  std::vector<std::string> notes;
  auto opened = GreylistState::open(kept, at_.random, at_.clock.now(), notes);
  for (const auto& note : notes) at_.log.warning("state", escaped(note));
  if (!opened) return std::unexpected(std::move(opened.error()));
  tuples_ = std::move(*opened);
  tuples_->store().on_timeout([this](const greylist::TupleEntry& entry) { tell_timeout(entry); });
  if (options_.learning.sender_pools) {
    auto suffixes = io::PublicSuffixes::open();
    if (!suffixes) return std::unexpected(std::move(suffixes.error()));
    suffixes_ = std::move(*suffixes);
  }
  services_ = std::unique_ptr<GreylistServices>(
      new GreylistServices{at_.clock, at_.log, at_.pool, at_.resolver, checks_, updates_, tuples_->store(),
                           statistics_, options_.names, rates_, options_.learning, suffixes_.get()});
  put_in_force(std::move(rules));
  GreylistPeers::Options with;
  with.new_state = tuples_->is_new();
  with.tables_wanted = options_.state / "peer-tables-wanted";
  if (!options_.peer_security.secret_file.empty()) {
    auto security = GreylistPeerSecurity::make(options_.peer_security, at_.pool, at_.random);
    if (!security) return std::unexpected(std::move(security.error()));
    with.security = std::move(*security);
  }
  peers_ = std::make_unique<GreylistPeers>(at_.clock, at_.log, at_.pool, tuples_->store(), at_.random,
                                           std::move(with));
  if (auto known = peers_->use(this->rules()); !known) return known;

  const auto answer = [this](const nlohmann::json& request, const ControlServer::Row& row,
                             const ControlServer::Body&) {
    return answer_greylist(request, *tuples_, *this->rules()->configuration, at_.clock.now(), row);
  };
  auto listening =
      ControlServer::open(at_.main, (options_.state / "control").string(), at_.pool, at_.pool, answer);
  if (!listening) return std::unexpected(std::move(listening.error()));
  control_ = std::move(*listening);
  return {};
}

std::shared_ptr<const GreylistRules> Greylisting::rules() const {
  const std::lock_guard lock(mutex_);
  return rules_;
}

void Greylisting::put_in_force(std::shared_ptr<const GreylistRules> next) {
  if (options_.own_log) at_.log.set_facility(next->configuration->logfac.value);
  tell_countries(*next);
  const auto& stat = next->configuration->stat;
  if (auto opened = statistics_.open(stat ? stat->output : ""); !opened)
    at_.log.error("stat", escaped(opened.error().text));
  const std::lock_guard lock(mutex_);
  rules_ = std::move(next);
}

std::string Greylisting::text() const {
  const auto load = tuples_->store().table().load();
  return std::to_string(rules()->configuration->rules.size()) + " rules, " + std::to_string(load.pending) +
         " pending, " + std::to_string(load.autowhite) + " autowhite";
}

void Greylisting::start() {
  asio::co_spawn(at_.main, look_at_files(), asio::detached);
  asio::co_spawn(at_.main, keep_state(), asio::detached);
  if (options_.writes_dump) asio::co_spawn(at_.main, keep_dump(), asio::detached);
  peers_->start();
  control_->start();
}

void Greylisting::stop() {
  stopping_ = true;
  control_->stop();
}

void Greylisting::stop_peers() {
  peers_->stop();
  checks_.stop();
  updates_.stop();
}

void Greylisting::close() {
  // Before the contexts that their sockets belong to.
  peers_.reset();
  control_.reset();
  save();
  if (options_.writes_dump && rules()->configuration->dumpfreq.value.count() >= 0) dump();
  tuples_.reset();
}

void Greylisting::tell_countries(const GreylistRules& in_force) {
  if (!in_force.countries) return;
  for (const auto& notice : in_force.countries->refresh(at_.clock.now())) {
    if (notice.level == io::GeoDatabases::Notice::Level::warning) {
      at_.log.warning("geoip", escaped(notice.text));
    } else {
      at_.log.info("geoip", escaped(notice.text));
    }
  }
}

void Greylisting::reload(std::string_view why) {
  options_.stamp = io::stamp_of(options_.file);  // so that a SIGHUP after a change is one reload
  config::Diagnostics diagnostics;
  auto sources = options_.sources ? options_.sources : std::make_shared<SourceCatalogue>();
  auto loaded = load_(diagnostics, *sources);
  log_diagnostics(at_.log, "config", diagnostics, *sources);
  if (!loaded || diagnostics.failed()) {
    at_.log.error("config",
                  "reload: " + (loaded ? std::string("the file is bad") : escaped(loaded.error().text)) +
                      "; the configuration in force stays");
    return;
  }
  use(std::make_shared<const GreylistRules>(std::move(*loaded), std::move(sources)), why);
}

void Greylisting::use(std::shared_ptr<const GreylistRules> next, std::string_view why) {
  // What greylist.conf(5) names as taking a restart, and what the remembered tuples are found by.
  const auto before = rules();
  const auto& old = *before->configuration;
  const auto& now = *next->configuration;
  if (now.socket.value != old.socket.value || now.subnetmatch.value != old.subnetmatch.value ||
      now.subnetmatch6.value != old.subnetmatch6.value || now.timeout.value != old.timeout.value ||
      now.lazyaw.value != old.lazyaw.value || now.syncaddr.value != old.syncaddr.value ||
      now.syncmaxqlen.value != old.syncmaxqlen.value)
    at_.log.warning("config",
                    "reload: changes of socket, subnetmatch, subnetmatch6, timeout, lazyaw, syncaddr and "
                    "syncmaxqlen count after a restart");
  put_in_force(std::move(next));
  if (const auto known = peers_->use(rules()); !known) at_.log.error("peer", escaped(known.error().text));
  at_.log.info("config", "reloaded " + escaped(options_.file) + " -- " + std::string(why));
}

asio::awaitable<void> Greylisting::look_at_files() {
  asio::steady_timer timer(at_.main);
  while (!stopping_) {
    timer.expires_after(kLook);
    co_await timer.async_wait(kQuiet);
    const auto stamp = io::stamp_of(options_.file);
    if (!(stamp == options_.stamp) && stamp.exists && !stopping_)
      reload(escaped(options_.file) + " has changed");
    auto refresh = [this, in_force = rules()] {
      tell_countries(*in_force);
      return true;
    };
    co_await at_.pool.run(std::move(refresh));
  }
}

void Greylisting::save() {
  auto saved = tuples_->store().flush();
  if (saved) {
    unsaved_dump_ += saved->changes;
    if (peers_) peers_->tell(std::move(saved->told));
  } else {
    at_.log.error("state", "what was decided lately is not saved: " + escaped(saved.error().text));
  }
}

void Greylisting::dump() {
  const auto in_force = rules();
  const auto& all = *in_force->configuration;
  const auto changes = unsaved_dump_.exchange(0);
  if (changes == 0) return;
  if (all.verbose.value) at_.log.info("greylist", "dumping " + std::to_string(changes) + " modifications");
  const auto begin = std::chrono::steady_clock::now();
  const auto written = tuples_->dump(all.dumpfile.value, all.dumpfile_mode, dates_of(all), at_.clock.now());
  if (!written) {
    at_.log.error("state", "dumpfile: " + escaped(written.error().text));
  } else if (all.verbose.value) {
    const auto took = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    at_.log.info("greylist",
                 "dumping " + std::to_string(*written) + " records in " + std::to_string(took) + "s");
  }
}

void Greylisting::tell_timeout(const greylist::TupleEntry& entry) {
  if (entry.facts.state == greylist::TupleState::record) return;
  const auto in_force = rules();
  const auto& all = *in_force->configuration;
  if (all.logexpired.value || all.verbose.value)
    at_.log.info("greylist", escaped("(local): " + entry.address + " from " + entry.sender + " to " +
                                     entry.recipient + ": greylisted entry timed out"));
}

void Greylisting::expire() {
  for (;;) {
    const auto looked = tuples_->store().expire(greylist::seconds_of(at_.clock.now()), kExpireStep);
    if (!looked) at_.log.error("state", "forget what has expired: " + escaped(looked.error().text));
    if (!looked || *looked < kExpireStep) return;
  }
}

asio::awaitable<void> Greylisting::keep_state() {
  asio::steady_timer timer(at_.main);
  auto expires = std::chrono::steady_clock::now() + kExpire;
  while (!stopping_) {
    timer.expires_after(options_.save);
    co_await timer.async_wait(kQuiet);
    const bool expiring = std::chrono::steady_clock::now() >= expires;
    if (expiring) expires = std::chrono::steady_clock::now() + kExpire;
    auto work = [this, expiring] {
      save();
      if (expiring) expire();
      return true;
    };
    co_await at_.pool.run(std::move(work));
  }
}

asio::awaitable<void> Greylisting::keep_dump() {
  asio::steady_timer timer(at_.main);
  while (!stopping_) {
    const auto every = rules()->configuration->dumpfreq.value;
    timer.expires_after(std::max<std::chrono::seconds>(every, kLook));
    co_await timer.async_wait(kQuiet);
    if (every.count() < 0 || stopping_) continue;
    auto work = [this] {
      dump();
      return true;
    };
    co_await at_.pool.run(std::move(work));
  }
}

}  // namespace hikyaku::serve
