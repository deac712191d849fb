#pragma once
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "queue/queue.h"
#include "serve/active_message.h"
#include "serve/delivery_result.h"
#include "serve/destination_queue.h"
#include "serve/notices.h"
#include "serve/running.h"
#include "serve/services.h"

namespace hikyaku::serve {

/// The way out: routes the messages of the queue, hands their recipients to the transports, and writes down
/// what came of it: delivered, to be tried again, or bounced with a notice to the sender. Thread-safe.
///
/// It works on a bounded window of messages; the rest wait in the queue's time index and are fetched by
/// scan() as room comes free, so that a million deferred messages cost no memory.
class Outbound {
 public:
  /// Delivers the jobs of one destination, one after the other, and calls finished() for each; ends with
  /// destinations().leave(). Called from any thread; must not block.
  using StartWorker = DestinationQueue::Start;

  Outbound(Services& services, StartWorker start);

  /// Takes a message that was just committed. When the window is full it is left to scan().
  void admit(std::shared_ptr<ActiveMessage> message);
  /// Fetches messages that are due. Blocks: for the pool. Returns the time of the next look.
  Time scan();

  DestinationQueue& destinations() { return destinations_; }
  /// A job's results, one for each of job.recipients, in their order.
  void finished(const Job& job, std::vector<DeliveryResult> results);
  /// The next hop can't be reached: defers the job, all that wait for the same destination, and, for a
  /// while, what comes for it.
  void unreachable(DestinationQueue::Destination& destination, const Job& job, DeliveryResult result);

  /// The administrator's words about a message that is being worked on. False: it is not.
  bool ask_removal(record::QueueId id);
  bool ask_hold(record::QueueId id);
  bool is_active(record::QueueId id) const;
  /// Lifts suspensions and looks at the queue at once.
  void flush();
  /// Called when something may be due earlier than scan() said.
  void on_wake(std::function<void()> wake) { wake_ = std::move(wake); }

  /// Who takes notices through milters: `then` goes on with what is left of them, on any thread.
  using FilterNotices = std::function<void(std::shared_ptr<const Running>, std::vector<Notice>,
                                           std::function<void(std::vector<Notice>)> then)>;
  void on_notices(FilterNotices filter) { filter_notices_ = std::move(filter); }

  std::size_t active() const;
  /// No more work is begun; what is under way is finished by its workers.
  void stop() { stopping_ = true; }
  bool stopping() const { return stopping_; }

 private:
  void dispatch(const std::shared_ptr<ActiveMessage>& message);
  struct Group {
    route::Route route;
    std::vector<std::size_t> recipients;
    bool rewrites_sender = false;
  };
  std::vector<Group> route_recipients(ActiveMessage& message, const Running& running,
                                      std::vector<std::size_t>& failed,
                                      std::vector<DeliveryResult>& failures);
  void hand_over(const Running& running, const Transport& transport, const route::Route& route, Job job);
  void finish_without_delivery(const Job& job, const DeliveryResult& result);

  void settle(std::shared_ptr<ActiveMessage> message);
  void settle_with_notices(std::shared_ptr<ActiveMessage> message);
  void give_up_if_expired(ActiveMessage& message, const Running& running, Time now);
  void commit_end(std::shared_ptr<ActiveMessage> message, Kv::Batch batch, std::vector<Notice> notices);
  void forget(record::QueueId id);
  void log_result(const ActiveMessage& message, const record::Recipient& recipient,
                  const DeliveryResult& result, std::string_view outcome);

  Services& services_;
  DestinationQueue destinations_;
  std::function<void()> wake_;
  FilterNotices filter_notices_;
  std::atomic<bool> stopping_{false};
  mutable std::mutex mutex_;
  std::unordered_map<std::uint64_t, std::shared_ptr<ActiveMessage>> active_;  // by id
  bool more_waiting_ = true;  // the index may hold due messages that are not active
};

}  // namespace hikyaku::serve
