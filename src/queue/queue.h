#pragma once
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/blob.h"
#include "base/kv.h"
#include "base/kv_space.h"
#include "base/result.h"
#include "base/time.h"
#include "record/arrival.h"
#include "record/queue_entry.h"
#include "record/queue_id.h"

namespace hikyaku::queue {

/// The spaces of the queue's database, for whoever opens it. `ledger_lifetime`: how long a piece of ledger is
/// kept after it was written: hikyaku_ledger_lifetime + maximal_queue_lifetime, so that all pieces of a
/// message outlive its end by the former.
std::vector<KvSpace> spaces(std::chrono::seconds ledger_lifetime);

/// The durable queue: one row a message, its body, a row in the index of due times, and its ledger.
///
/// It composes batches; the caller commits them, through a group committer, and calls committed() when that
/// succeeded. Each batch takes the queue from one whole state to the next, so that a crash between any two
/// leaves every message either as before or as after. Nothing here waits but open(), remember_sources() and
/// the reading members. Thread-safe.
///
/// There is no lease: one process has the database, and in it one scheduler owns a message from due() to
/// update() or finish(). Another who changes a message (an administrator's hold) asks the scheduler, or uses
/// Guard::unchanged and reads again when the commit fails with Fault::not_found.
class Queue {
 public:
  /// Reads the format, the counts and the last id: O(messages), about a second a million. Fails with
  /// Fault::permanent on a database that a newer program wrote.
  static Result<std::unique_ptr<Queue>> open(Kv& kv, Blob& blob);

  /// What a batch does to the queue, to be handed to committed() after a commit that succeeded.
  struct Change {
    std::int64_t messages = 0, held = 0, octets = 0;
    std::string unused_blob;  ///< not empty: after the commit remove this body from the Blob (that blocks)
  };
  enum class Guard : unsigned char {
    none,
    unchanged,  ///< the commit fails with Fault::not_found when the stored entry is not `old` any more
  };

  /// Adds a message. `body` is its octets, or empty when entry.blob names a finished blob. With entry.hold it
  /// is not due before it is released. `ledger` is Explanation::bytes(); empty adds no piece. Sets
  /// entry.ledger_pieces: keep that entry for update() and finish().
  [[nodiscard]] Change accept(Kv::Batch& batch, record::QueueEntry& entry, std::string body,
                              std::string_view ledger);
  /// Replaces `old` (as it is stored) by `entry`: a retry, a part of its recipients done, hold, release.
  /// The body stays. `now` dates the piece of ledger.
  [[nodiscard]] Change update(Kv::Batch& batch, const record::QueueEntry& old, record::QueueEntry& entry,
                              Time now, std::string_view ledger, Guard guard = Guard::none);
  /// Removes a message with its body; its ledger stays for its lifetime. `stored`: as it is stored (its
  /// next_attempt and hold find the row in the time index).
  [[nodiscard]] Change finish(Kv::Batch& batch, const record::QueueEntry& stored, Time now,
                              std::string_view ledger, Guard guard = Guard::none);
  /// Adds a piece of ledger for a message that was refused or never queued, under an id of its own.
  void note(Kv::Batch& batch, record::QueueId id, Time now, std::string_view ledger);
  /// Keeps how the message was handed in, for as long as its ledger.
  void remember_arrival(Kv::Batch& batch, record::QueueId id, const record::Arrival& arrival);
  void committed(const Change& change);

  struct Due {
    Time time;
    record::QueueId id;
    auto operator<=>(const Due&) const = default;
  };
  /// At most `limit` messages due at `now` or before, earliest first, those after `after` only. Held ones are
  /// never due. Those that a scheduler works on are still listed: it skips them.
  Result<std::vector<Due>> due(Time now, std::size_t limit, std::optional<Due> after = {}) const;
  /// The first time after `now` at which something is due; empty when nothing is.
  Result<std::optional<Time>> next_due(Time now) const;
  /// Removes a row of the time index whose message load() does not find (only after damage).
  void drop_stale(Kv::Batch& batch, const Due& row);

  /// Fault::not_found when there is no such message, Fault::corrupt when its entry can't be read.
  Result<record::QueueEntry> load(record::QueueId id) const;
  /// At most `length` octets of the message from `offset`; shorter only at its end. A body in the Kv is read
  /// whole for each call: ask for all of it at once.
  Result<std::string> read_body(const record::QueueEntry& entry, std::uint64_t offset,
                                std::size_t length) const;

  struct Damaged {
    record::QueueId id;
    Error error;
  };
  struct Listing {
    std::vector<record::QueueEntry> entries;
    std::vector<Damaged> damaged;  ///< entries that can't be read; the listing goes on past them
    std::optional<record::QueueId> continue_after;  ///< empty: that was all
  };
  /// Messages in order of arrival, at most `limit`, those after `after` only.
  Result<Listing> list(std::optional<record::QueueId> after, std::size_t limit) const;

  struct LedgerPiece {
    Time at;
    std::uint64_t sources;    ///< for sources()
    std::string explanation;  ///< Explanation::decode() reads it
  };
  /// What was decided for a message, in order; also after its end. Empty: nothing is known.
  Result<std::vector<LedgerPiece>> ledger(record::QueueId id) const;

  struct KeptArrival {
    record::QueueId id;
    Result<record::Arrival> arrival;  ///< an Error: it can't be read
  };
  /// The last `limit` messages that are remembered, in order of arrival; also those that are gone. Memory for
  /// `limit` of them. O(those that came in eight times the time that they came in).
  Result<std::vector<KeptArrival>> last_arrivals(Time now, std::size_t limit) const;

  /// Makes `names` (SourceCatalogue::names()) the catalogue that the origins in new ledgers refer to, and
  /// stores it when it is not the stored one. Call at start and after each reload, before the new
  /// configuration decides anything. Blocks: one synced commit.
  Result<void> remember_sources(const std::vector<std::string>& names);
  /// The catalogue by its number in LedgerPiece::sources. Fault::not_found when it is unknown.
  Result<std::vector<std::string>> sources(std::uint64_t number) const;

  struct Counts {
    std::uint64_t messages = 0, held = 0, octets = 0;  ///< octets: of all bodies
  };
  Counts counts() const;
  /// No id up to this one may be given again.
  record::QueueId last_id() const { return last_id_; }

  /// Names of blobs that no message refers to: left by a crash between the blob's end and the commit. Only
  /// right before the first accept(). O(messages with blobs).
  Result<std::vector<std::string>> orphans() const { return orphans({}); }
  /// The same, and tells of each message whose blob is missing or has another size.
  struct BadBody {
    record::QueueId id;
    std::string text;  ///< with the file, where there is one
  };
  Result<std::vector<std::string>> orphans(const std::function<void(const BadBody&)>& bad) const;

 private:
  Queue(Kv& kv, const Blob& blob) : kv_(kv), blob_(blob) {}
  Result<void> read_format();
  Result<void> read_counts();
  Result<void> read_last_id();
  Result<void> read_latest_sources();
  void lower_floor(std::uint64_t time);
  std::pair<std::uint64_t, std::uint64_t> scan_floor(Time now) const;
  void raise_floor(std::uint64_t time, std::uint64_t changes) const;
  void add_ledger(Kv::Batch& batch, record::QueueId id, std::uint32_t piece, Time at,
                  std::string_view ledger) const;
  void mark_id(Kv::Batch& batch, record::QueueId id);

  Kv& kv_;
  const Blob& blob_;
  record::QueueId last_id_;
  std::atomic<std::uint64_t> id_mark_{0};
  std::atomic<std::uint64_t> sources_{0};  // the catalogue of new ledgers
  std::mutex sources_mutex_;
  std::vector<std::string> source_names_;  // under sources_mutex_
  // The time index before floor_ is empty, but for the remains of rows that were removed, which a scan must
  // pass.
  mutable std::mutex floor_mutex_;
  mutable std::uint64_t floor_ = 0;          // µs
  mutable std::uint64_t floor_changes_ = 0;  // how often it was lowered
  mutable Time floor_reset_{};               // when it last began again from 0
  std::atomic<std::int64_t> messages_{0}, held_{0}, octets_{0};
};

}  // namespace hikyaku::queue
