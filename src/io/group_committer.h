#pragma once
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "base/kv.h"

namespace hikyaku::io {

/// The one writer of a Kv for many sessions: its thread takes all batches that wait, writes them together
/// with one sync, and answers all. A batch that comes alone is written at once; while it is synced the next
/// ones gather. Batches take effect in the order of submission; one that fails by its preconditions does not
/// touch the others. Thread-safe.
class GroupCommitter {
 public:
  /// Called once, on the committer's thread, after the sync returned or failed. Must not block or throw.
  using Done = std::move_only_function<void(Result<void>)>;
  enum class Pressure : unsigned char {
    low,
    high,  ///< more than Limits::pending octets wait: take in no new mail until answers come
  };
  struct Limits {
    std::size_t pending = std::size_t{32} << 20;  ///< octets that wait, above which pressure() is high
    std::size_t group = std::size_t{4}
                        << 20;              ///< octets of one write and sync, exceeded by one batch at most
    std::chrono::microseconds later{1000};  ///< how long commit_later() may wait for a sync to go with
  };

  explicit GroupCommitter(Kv& kv) : GroupCommitter(kv, Limits{}) {}
  GroupCommitter(Kv& kv, Limits limits);
  ~GroupCommitter();
  GroupCommitter(const GroupCommitter&) = delete;
  GroupCommitter& operator=(const GroupCommitter&) = delete;

  /// Always takes the batch; the answer tells how much waits now. After stop() `done` is called at once, on
  /// this thread, with Fault::temporary.
  Pressure submit(Kv::Batch batch, Done done);
  /// For what may be done again after a crash (the removal of delivered mail): written with the next group,
  /// or alone after Limits::later without a sync. Tried again when the disk is full. `done`, when there is
  /// one, is called when it is written, not synced.
  Pressure commit_later(Kv::Batch batch, Done done = {});
  /// Submits and waits. Not on the committer's own thread.
  Result<void> commit(Kv::Batch batch);

  Pressure pressure() const;
  /// Writes and answers all that waits, then ends the thread.
  void stop();

  struct Statistics {
    std::uint64_t groups = 0;   ///< writes with a sync
    std::uint64_t batches = 0;  ///< submitted ones in them
    std::uint64_t later = 0;    ///< batches of commit_later()
    std::uint64_t failed = 0;   ///< batches that failed
  };
  Statistics statistics() const;

 private:
  struct Waiting {
    Kv::Batch batch;
    Kv::Batch again;  // of commit_later(): what to write when it failed
    Done done;
    std::size_t octets = 0;
    Kv::Durability durability = Kv::Durability::synced;
    Result<void> result;
  };
  Pressure enqueue(Waiting waiting);
  void run();
  void wait_for_work(std::unique_lock<std::mutex>& lock);
  void take_group(std::vector<Waiting>& group);
  void commit_group(std::vector<Waiting>& group);
  bool commit_run(std::span<Waiting> run, Kv::Durability durability);
  void keep_for_retry(std::vector<Waiting>& group);
  void answer(std::vector<Waiting>& group);

  Kv& kv_;
  const Limits limits_;
  mutable std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<Waiting> waiting_;  // in order of submission
  std::size_t pending_ = 0;       // octets of waiting_ and of the group that is being written
  std::size_t waiting_synced_ = 0;
  std::chrono::steady_clock::time_point oldest_;    // since when something waits
  std::chrono::steady_clock::time_point retry_at_;  // not before, for what failed and can wait
  bool stopping_ = false;
  Statistics statistics_;
  std::thread thread_;
};

}  // namespace hikyaku::io
