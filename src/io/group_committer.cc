#include "io/group_committer.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

namespace hikyaku::io {
namespace {

constexpr std::size_t kWriteOverhead = 64;  // octets that a write costs beside its key and value
constexpr std::chrono::milliseconds kRetryPause{200};

std::size_t octets_of(const Kv::Batch& batch) {
  std::size_t octets = 0;
  for (const auto& write : batch.writes) {
    octets += write.key.size() + (write.value ? write.value->size() : 0) + kWriteOverhead;
  }
  return octets;
}

void move_writes(Kv::Batch& from, Kv::Batch& to) {
  to.writes.insert(to.writes.end(), std::make_move_iterator(from.writes.begin()),
                   std::make_move_iterator(from.writes.end()));
}

}  // namespace

GroupCommitter::GroupCommitter(Kv& kv, Limits limits)
    : kv_(kv), limits_(limits), thread_([this] { run(); }) {}

GroupCommitter::~GroupCommitter() { stop(); }

GroupCommitter::Pressure GroupCommitter::submit(Kv::Batch batch, Done done) {
  const auto octets = octets_of(batch);
  return enqueue({std::move(batch), {}, std::move(done), octets, Kv::Durability::synced, {}});
}

GroupCommitter::Pressure GroupCommitter::commit_later(Kv::Batch batch, Done done) {
  const auto octets = octets_of(batch);
  return enqueue({std::move(batch), {}, std::move(done), octets, Kv::Durability::written, {}});
}

GroupCommitter::Pressure GroupCommitter::enqueue(Waiting waiting) {
  std::unique_lock lock(mutex_);
  if (stopping_) {
    lock.unlock();
    if (waiting.done) waiting.done(fail(Fault::temporary, "commit: the database is closing"));
    return Pressure::low;
  }
  // The thread sleeps until the first batch comes, and while there are only such as can wait.
  const bool synced = waiting.durability == Kv::Durability::synced;
  const bool wake = waiting_.empty() || (synced && waiting_synced_ == 0);
  if (waiting_.empty()) oldest_ = std::chrono::steady_clock::now();
  if (synced) ++waiting_synced_;
  pending_ += waiting.octets;
  const auto pressure = pending_ > limits_.pending ? Pressure::high : Pressure::low;
  waiting_.push_back(std::move(waiting));
  lock.unlock();
  if (wake) arrived_.notify_one();
  return pressure;
}

Result<void> GroupCommitter::commit(Kv::Batch batch) {
  std::mutex mutex;
  std::condition_variable answered;
  std::optional<Result<void>> answer;
  submit(std::move(batch), [&](Result<void> result) {
    const std::scoped_lock lock(mutex);
    answer = std::move(result);
    answered.notify_one();  // under the lock: the waiter owns what is notified
  });
  std::unique_lock lock(mutex);
  answered.wait(lock, [&] { return answer.has_value(); });
  return std::move(*answer);
}

GroupCommitter::Pressure GroupCommitter::pressure() const {
  const std::scoped_lock lock(mutex_);
  return pending_ > limits_.pending ? Pressure::high : Pressure::low;
}

GroupCommitter::Statistics GroupCommitter::statistics() const {
  const std::scoped_lock lock(mutex_);
  return statistics_;
}

void GroupCommitter::stop() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  arrived_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void GroupCommitter::run() {
  for (;;) {
    std::vector<Waiting> group;
    {
      std::unique_lock lock(mutex_);
      wait_for_work(lock);
      if (waiting_.empty()) return;  // and stopping
      take_group(group);
    }
    commit_group(group);
    keep_for_retry(group);
    answer(group);
  }
}

void GroupCommitter::wait_for_work(std::unique_lock<std::mutex>& lock) {
  arrived_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
  // Nobody waits for the answer to a removal: a sync that is wanted soon takes it along.
  const auto urgent = [this] { return stopping_ || waiting_synced_ > 0; };
  if (!urgent()) arrived_.wait_until(lock, std::max(oldest_ + limits_.later, retry_at_), urgent);
}

void GroupCommitter::take_group(std::vector<Waiting>& group) {
  std::size_t octets = 0;
  std::size_t taken = 0;
  while (taken < waiting_.size() && octets < limits_.group) octets += waiting_[taken++].octets;
  const auto end = waiting_.begin() + static_cast<std::ptrdiff_t>(taken);
  if (end == waiting_.end()) {
    group.swap(waiting_);
    waiting_.reserve(group.size());
  } else {
    group.assign(std::make_move_iterator(waiting_.begin()), std::make_move_iterator(end));
    waiting_.erase(waiting_.begin(), end);
  }
  for (const auto& waiting : group) {
    if (waiting.durability == Kv::Durability::synced) --waiting_synced_;
  }
  oldest_ = std::chrono::steady_clock::now();
}

/// Batches with preconditions are written by themselves, in their turn, so that they see what was submitted
/// before them and fail alone; the runs between them are written together; the last write is synced and makes
/// all before it durable.
void GroupCommitter::commit_group(std::vector<Waiting>& group) {
  const auto has_condition = [](const Waiting& waiting) { return !waiting.batch.preconditions.empty(); };
  const bool sync = std::ranges::any_of(
      group, [](const Waiting& waiting) { return waiting.durability == Kv::Durability::synced; });
  bool synced = false;
  for (auto from = group.begin(); from != group.end();) {
    const auto to = has_condition(*from) ? from + 1 : std::find_if(from, group.end(), has_condition);
    const auto durability = sync && to == group.end() ? Kv::Durability::synced : Kv::Durability::written;
    const auto written = commit_run({from, to}, durability);
    synced = written && durability == Kv::Durability::synced;
    from = to;
  }
  if (!sync || synced) return;
  // The last one failed and took the sync with it. It need not be the disk's fault.
  const auto done = kv_.commit({}, Kv::Durability::synced);
  if (done) return;
  for (auto& waiting : group) {
    if (waiting.result && waiting.durability == Kv::Durability::synced) waiting.result = done;
  }
}

bool GroupCommitter::commit_run(std::span<Waiting> run, Kv::Durability durability) {
  Kv::Batch merged;
  for (auto& waiting : run) {
    if (waiting.durability == Kv::Durability::written) waiting.again = waiting.batch;
    if (merged.writes.empty()) {
      merged = std::move(waiting.batch);
    } else {
      move_writes(waiting.batch, merged);
    }
  }
  const auto result = kv_.commit(std::move(merged), durability);
  if (!result) {
    for (auto& waiting : run) waiting.result = result;
  }
  return result.has_value();
}

void GroupCommitter::keep_for_retry(std::vector<Waiting>& group) {
  const auto may_retry = [](const Waiting& waiting) {
    return waiting.durability == Kv::Durability::written && !waiting.result &&
           waiting.result.error().fault == Fault::temporary;
  };
  if (std::ranges::none_of(group, may_retry)) return;
  const std::scoped_lock lock(mutex_);
  if (stopping_) return;
  std::vector<Waiting> kept, rest;
  for (auto& waiting : group) {
    const bool retry = may_retry(waiting);
    if (retry) {
      waiting.batch = std::move(waiting.again);
      waiting.result = {};
    }
    (retry ? kept : rest).push_back(std::move(waiting));
  }
  group = std::move(rest);
  // Before what was submitted since: a key's writes stay in their order.
  waiting_.insert(waiting_.begin(), std::make_move_iterator(kept.begin()),
                  std::make_move_iterator(kept.end()));
  retry_at_ = std::chrono::steady_clock::now() + kRetryPause;
}

void GroupCommitter::answer(std::vector<Waiting>& group) {
  std::size_t octets = 0;
  Statistics seen;
  for (const auto& waiting : group) {
    octets += waiting.octets;
    ++(waiting.durability == Kv::Durability::synced ? seen.batches : seen.later);
    if (!waiting.result) ++seen.failed;
  }
  {
    const std::scoped_lock lock(mutex_);
    pending_ -= octets;
    statistics_.groups += seen.batches > 0;
    statistics_.batches += seen.batches;
    statistics_.later += seen.later;
    statistics_.failed += seen.failed;
  }
  for (auto& waiting : group) {
    if (waiting.done) waiting.done(std::move(waiting.result));
  }
}

}  // namespace hikyaku::io
