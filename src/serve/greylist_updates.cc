#include "serve/greylist_updates.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <utility>

#include "base/escape.h"
#include "greylist/dns_update.h"
#include "greylist/tsig.h"
#include "io/hmac.h"
#include "io/stable_file.h"
#include "table/spec.h"

namespace hikyaku::serve {
namespace {

constexpr std::size_t kAtATime = 2;
constexpr std::chrono::seconds kPatience{5};  // the end of the program waits for it

std::uint64_t unix_time(const Clock& clock) {
  const auto since = clock.now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(since).count());
}

/// The first that one of the servers gives; else why none of them does.
template <class Ask>
auto first_of(const std::vector<DnsServer>& servers, Ask ask) {
  decltype(ask(servers.front())) result = fail(Fault::temporary, "there is no server to ask");
  std::string failures;
  for (const auto& server : servers) {
    result = ask(server);
    if (result) return result;
    failures.append(failures.empty() ? "" : "; ").append(result.error().text);
    result = fail(result.error().fault, failures);
  }
  return result;
}

/// The key of that name; nullopt: there is none to sign with.
Result<std::optional<greylist::Tsig>> tsig_of(const greylist::Configuration& configuration,
                                              const std::string& name) {
  if (name.empty()) return std::nullopt;
  for (const auto& key : configuration.tsig_keys) {
    if (key.name != name) continue;
    auto tsig = greylist::Tsig::parse(key.name, key.algorithm, key.secret);
    if (!tsig) return std::unexpected(std::move(tsig.error()));
    return std::move(*tsig);
  }
  return fail(Fault::not_found, "there is no tsig \"" + name + "\"");
}

}  // namespace

GreylistUpdates::GreylistUpdates(Clock& clock, Random& random, io::Log& log, std::string dns_server)
    : clock_(clock), random_(random), log_(log), dns_server_(std::move(dns_server)), pool_(kAtATime) {}

void GreylistUpdates::stop() {
  stopping_ = true;
  pool_.stop(io::WorkerPool::Waiting::finish);
}

void GreylistUpdates::send(std::shared_ptr<const greylist::Configuration> configuration,
                           std::vector<greylist::Decision::Update> updates) {
  for (auto& update : updates) {
    const auto about = "nsupdate \"" + escaped(configuration->nsupdates[update.nsupdate].name) + "\" " +
                       escaped(update.name) + " -> " + escaped(update.value);
    if (waiting_.fetch_add(1) >= kMostWaiting) {
      --waiting_;
      log_.error("nsupdate", about + ": not sent, too many wait");
      continue;
    }
    pool_.post([this, configuration, one = std::move(update), about] {
      const auto sent = stopping_ ? Result<void>(fail(Fault::temporary, "not sent, the program ends"))
                                  : send_one(*configuration, one);
      --waiting_;
      if (!sent) log_.error("nsupdate", about + ": " + escaped(sent.error().text));
    });
  }
}

std::uint16_t GreylistUpdates::number() const {
  std::array<unsigned char, 2> octets{};
  random_.fill(octets);
  return static_cast<std::uint16_t>(octets[0] << 8U | octets[1]);
}

Result<std::vector<DnsServer>> GreylistUpdates::servers_of(
    const greylist::NsupdateDefinition& definition) const {
  const auto& named = definition.servers.empty() ? dns_server_ : definition.servers;
  if (named.empty()) {
    const auto file = io::read_stable_file("/etc/resolv.conf");
    if (!file) return std::unexpected(file.error());
    return io::name_servers(file->text);
  }
  std::vector<DnsServer> servers;
  for (const auto one : table::split_list(named)) {
    auto server = DnsServer::parse(one);
    if (!server) return std::unexpected(std::move(server.error()));
    servers.push_back(std::move(*server));
  }
  return servers;
}

Result<void> GreylistUpdates::send_one(const greylist::Configuration& configuration,
                                       const greylist::Decision::Update& update) const {
  const auto& definition = configuration.nsupdates[update.nsupdate];
  const auto until = std::chrono::steady_clock::now() + kPatience;
  const auto servers = servers_of(definition);
  if (!servers) return std::unexpected(servers.error());
  const auto tsig = tsig_of(configuration, definition.tsig);
  if (!tsig) return std::unexpected(tsig.error());
  greylist::DnsUpdate wanted;
  wanted.name = update.name;
  wanted.value = update.value;
  wanted.ttl = definition.ttl;
  wanted.record_class = definition.record_class.value_or(wanted.record_class);
  wanted.type = definition.record_type.value_or(wanted.type);

  const auto question_id = number();
  const auto question = greylist::zone_question(wanted.name, wanted.record_class, question_id);
  if (!question) return std::unexpected(question.error());
  const auto ask_zone = [&](const DnsServer& server) -> Result<greylist::DnsZone> {
    const auto answer = io::dns_exchange(server, *question, until);
    if (!answer) return std::unexpected(answer.error());
    return greylist::read_zone_answer(*answer, question_id, wanted.name);
  };
  const auto zone = first_of(*servers, ask_zone);
  if (!zone) return std::unexpected(zone.error());
  wanted.zone = zone->name;

  const auto id = number();
  auto message = greylist::update_message(wanted, id);
  if (!message) return std::unexpected(std::move(message.error()));
  std::string mac;
  if (const auto& key = *tsig) {
    auto made = key->sign(std::move(*message), unix_time(clock_), io::hmac);
    if (!made) return std::unexpected(std::move(made.error()));
    *message = std::move(made->message);
    mac = std::move(made->mac);
  }
  const auto send_to = [&](const DnsServer& server) -> Result<void> {
    const auto answer = io::dns_exchange(server, *message, until);
    if (!answer) return std::unexpected(answer.error());
    auto done = greylist::read_update_answer(*answer, id);
    if (!*tsig) return done;
    const auto now = unix_time(clock_);
    auto verified = (*tsig)->verify(*answer, mac, now, io::hmac);
    if (!verified && !done) return fail(Fault::temporary, done.error().text + ", " + verified.error().text);
    return verified ? done : verified;
  };
  // Whoever names servers names those that take updates; else it is the one that the zone names (RFC 2136
  // s. 4).
  if (!definition.servers.empty()) return first_of(*servers, send_to);
  return send_to({zone->primary, 53});
}

}  // namespace hikyaku::serve
