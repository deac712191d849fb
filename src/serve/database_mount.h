#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/kv_space.h"
#include "base/result.h"
#include "base/time.h"
#include "io/log_check.h"
#include "io/rocks_kv.h"
#include "io/salvage.h"
#include "queue/loss.h"
#include "store/loss.h"

namespace hikyaku::serve {

/// A database on the disk, which nothing needs to have open.
struct DatabasePlace {
  enum class Kind : unsigned char { mailboxes, queue };
  Kind kind = Kind::mailboxes;
  std::filesystem::path directory;  ///< of `header` and `db`
  std::filesystem::path blobs;      ///< of the large bodies
  std::vector<KvSpace> spaces;
  std::chrono::seconds log_lifetime{0};  ///< as RocksKv::Options has it
  std::string name = "default";          ///< in the catalogue, of mailboxes
  io::RocksKv::Options options(Time now) const;
};

/// What mounting a damaged database by force loses, or has lost.
struct MountLoss {
  /// What is wrong with the database's header; empty: nothing. It is made anew, and then nobody knows whether
  /// a newest log is missing.
  std::string header_fault;
  std::vector<io::LogReport> bad_logs;
  std::vector<io::LogGap> gaps;
  std::vector<store::MailboxLoss> mailboxes;
  std::vector<queue::LostEntry> queued;
  /// Changes that are missing, as far as they can be counted, and whether there are gaps that can't.
  std::uint64_t changes = 0;
  bool more_changes = false;
  /// Why the tables could not be asked what is in them: then mail may be told as lost that is not. Empty:
  /// they were.
  std::string tables_fault;
  /// Sure to be lost by its UID: what a gap of unknown size held may come on top.
  std::uint64_t messages() const;
};

/// Brings databases into a state in which they open, after a crash or a damage: what `hikyaku store mount`
/// does, offline. Nothing is ever thrown away.
class DatabaseMount {
 public:
  /// Locks it and verifies its logs. Fault::temporary: it is open in another process.
  static Result<DatabaseMount> open(DatabasePlace place, const io::Progress& progress);

  const std::vector<io::LogReport>& logs() const { return salvage_->logs(); }
  bool needs_force() const { return salvage_->needed(); }
  /// What force would cost. Changes nothing.
  Result<MountLoss> foretell();
  /// Sets the bad logs aside with a report of the loss, and keeps what is intact in them. Then complete() is
  /// to be called. Gives the folder in quarantine.
  Result<std::filesystem::path> force(const MountLoss& loss, Time now);
  /// Replays the logs and closes the database in order; after force() counters that the lost changes had a
  /// part in are made right. `notes`: what had to be done. Releases the lock.
  Result<void> complete(Time now, std::vector<std::string>& notes);

 private:
  explicit DatabaseMount(DatabasePlace place) : place_(std::move(place)) {}
  DatabasePlace place_;
  std::optional<io::Salvage> salvage_;
  std::optional<std::uint64_t> lost_changes_;  ///< after force(): at most, as far as can be told
};

/// The number that ESE, the engine of Exchange, has for what is wrong with a log, for people who know those:
/// -501, -528, -530. Empty when nothing is.
std::string_view ese_number(io::LogReport::State state);

/// The report of a loss, as it is kept in quarantine.
nlohmann::json loss_json(const MountLoss& loss, const DatabasePlace& place, Time now);
std::string loss_text(const MountLoss& loss, const DatabasePlace& place, Time now);

/// Reports of losses in quarantine that nobody has acknowledged yet, oldest first: their folders.
std::vector<std::filesystem::path> unacknowledged_losses(const std::filesystem::path& database);
/// Marks them as known to somebody; gives how many there were.
Result<std::size_t> acknowledge_losses(const std::filesystem::path& database);

}  // namespace hikyaku::serve
