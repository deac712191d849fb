#pragma once
#include <cstddef>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

#include "record/queue_entry.h"
#include "serve/outbound.h"
#include "serve/services.h"

namespace hikyaku::serve {

/// Names of domains in lower case.
using Domains = std::set<std::string, std::less<>>;

/// Whether a message waits for a recipient of one of `domains`: a later attempt is set, and nobody holds it.
bool waits_for(const record::QueueEntry& entry, const Domains& domains, Time now);

/// ETRN: makes mail that waits for recipients of a domain due at once. Looks through the queue piece by piece
/// on the pool, for all domains that were asked for meanwhile in one go; never more than one such look runs.
/// Thread-safe.
class DomainFlush {
 public:
  static constexpr std::size_t kMostDomains = 100;  ///< that wait for the next look

  /// Both must outlive it, and the pool's work must have ended before it does.
  DomainFlush(Services& services, Outbound& outbound) : services_(services), outbound_(outbound) {}

  /// False when kMostDomains wait already.
  bool ask(std::string_view domain);

 private:
  void run();
  void look_through(const Domains& domains);
  std::size_t make_due(const std::vector<record::QueueEntry>& entries, const Domains& domains);

  Services& services_;
  Outbound& outbound_;
  std::mutex mutex_;
  Domains asked_;         // under mutex_
  bool running_ = false;  // under mutex_
};

}  // namespace hikyaku::serve
