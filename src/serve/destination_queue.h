#pragma once
#include <chrono>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "route/settings.h"
#include "serve/active_message.h"

namespace hikyaku::serve {

/// Some recipients of one message that go to the same next hop in one transaction.
struct Job {
  std::shared_ptr<ActiveMessage> message;
  std::vector<std::size_t> recipients;  ///< indexes into message->entry.recipients
  bool rewrites_sender = false;         ///< they are forwarded mail (SenderRewriting)
  bool soft_bounce = false;             ///< what would be bounced is deferred (soft_bounce)
};

/// Who is served next: jobs wait in one line for each destination (transport and next hop), so that a slow
/// destination holds up nobody else, and each transport's workers go round the destinations in turn.
/// A worker is one delivery conversation; it takes one job after the other from its destination and may stay
/// parked for a while, its connection open, when there is none. Thread-safe. Knows nothing of sockets.
class DestinationQueue {
 public:
  struct Destination;
  /// A parked worker. `wake` is called at most once, without the queue's lock, after `job` was filled in.
  struct Parked {
    std::function<void()> wake;
    std::optional<Job> job;
  };
  struct Next {
    std::optional<Job> job;
    bool leave = false;  ///< no job, and another destination waits for this worker's place: do not park
  };
  /// Starts a worker for the destination. Called without the queue's lock, from any thread.
  using Start = std::function<void(std::shared_ptr<Destination>)>;

  explicit DestinationQueue(Start start) : start_(std::move(start)) {}

  struct Suspended {
    std::string reason;
  };
  /// Puts the job in line. When its destination is suspended at `now` the job is not taken and the reason
  /// is returned: the caller defers it.
  std::optional<Suspended> add(const std::string& transport, const std::string& next_hop,
                               const route::TransportLimits& limits, Job job, Time now);

  /// A worker is sure of one job; while other destinations wait for its place it gets no second.
  enum class Turn : unsigned char { first, further };
  /// The worker's next job. When there is none the worker may park() or must leave().
  Next next(Destination& destination, Turn turn);
  /// False when a job has come meanwhile (then it is in parked.job and wake is not called).
  bool park(Destination& destination, Parked& parked);
  /// Ends the parking, as when the connection's idle time is over. False when the worker was just given a
  /// job: it is in parked.job.
  bool unpark(Destination& destination, Parked& parked);
  /// The worker ends.
  void leave(Destination& destination);

  /// Tells how a job went, for the destination's concurrency (Postfix's feedback of 1/N a delivery).
  void succeeded(Destination& destination);
  /// The next hop could not be talked to: its waiting jobs are handed back to be deferred, and what comes
  /// before `until` is refused with `reason`.
  std::vector<Job> suspend(Destination& destination, std::string reason, Time until);
  /// Lifts all suspensions: an administrator asked for a retry.
  void resume_all();
  /// Forgets the destinations whose suspension is over and that nothing waits for.
  void forget_expired(Time now);

  struct Load {
    std::string transport, next_hop;
    std::size_t waiting = 0, workers = 0;
    std::string suspended;  ///< the reason, or empty
  };
  std::vector<Load> load() const;

 private:
  struct Transport {
    std::size_t workers = 0;
    std::list<std::shared_ptr<Destination>> wants_worker;  // in the order of asking
  };
  std::shared_ptr<Destination> claim_worker(Destination& destination, Transport& transport);
  std::shared_ptr<Destination> pass_on_place(Transport& transport);
  void forget_if_unused(Destination& destination);

  Start start_;
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Destination>, std::less<>> destinations_;
  std::map<std::string, Transport, std::less<>> transports_;
};

struct DestinationQueue::Destination : std::enable_shared_from_this<Destination> {
  std::string key, transport, next_hop;
  route::TransportLimits limits;
  // Below: under the queue's lock.
  std::deque<Job> waiting;
  std::vector<Parked*> parked;
  std::size_t workers = 0;
  double window = 1;  // how many workers it may have now
  bool in_line = false;
  std::string suspended_reason;
  Time suspended_until{};
};

}  // namespace hikyaku::serve
