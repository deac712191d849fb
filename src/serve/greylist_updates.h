#pragma once
#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "base/dns_server.h"
#include "base/random.h"
#include "base/result.h"
#include "base/time.h"
#include "greylist/configuration.h"
#include "greylist/evaluation.h"
#include "io/dns_exchange.h"
#include "io/log.h"
#include "io/worker_pool.h"

namespace hikyaku::serve {

/// Sends what `nsupdate` clauses add to the DNS (RFC 2136), on threads of its own: nobody waits for it. What
/// fails is told in the log and not tried again. Thread-safe.
class GreylistUpdates {
 public:
  static constexpr std::size_t kMostWaiting = 1000;

  /// `dns_server`, where not empty, is asked in place of those of /etc/resolv.conf. All must outlive it.
  GreylistUpdates(Clock& clock, Random& random, io::Log& log, std::string dns_server);
  ~GreylistUpdates() { stop(); }

  void send(std::shared_ptr<const greylist::Configuration> configuration,
            std::vector<greylist::Decision::Update> updates);
  /// Ends after the updates that are under way; what waits is not sent, and told.
  void stop();

 private:
  using Time = std::chrono::steady_clock::time_point;
  Result<void> send_one(const greylist::Configuration& configuration,
                        const greylist::Decision::Update& update) const;
  Result<std::vector<DnsServer>> servers_of(const greylist::NsupdateDefinition& definition) const;
  std::uint16_t number() const;

  Clock& clock_;
  Random& random_;
  io::Log& log_;
  const std::string dns_server_;
  std::atomic<std::size_t> waiting_{0};
  std::atomic<bool> stopping_{false};
  io::WorkerPool pool_;
};

}  // namespace hikyaku::serve
