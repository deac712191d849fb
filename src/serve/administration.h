#pragma once
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/blob.h"
#include "base/result.h"
#include "base/time.h"
#include "io/group_committer.h"
#include "queue/queue.h"
#include "serve/import_receiver.h"
#include "serve/mailbox_rules.h"

namespace hikyaku::serve {

class MailboxDatabases;
class MailboxLocks;
class Outbound;

/// What an administrator asks about the queue and its ledgers, answered from the queue's database: by a
/// running hub over its control socket, or by a command that has opened the database itself. The same code
/// does both. Blocks: for the pool.
class Administration {
 public:
  /// `outbound` is null when no hub runs, `mailboxes` and `sessions` likewise; then there are no `rules`
  /// either.
  Administration(queue::Queue& queue, io::GroupCommitter& commits, Blob& blob, const Clock& clock,
                 Outbound* outbound, MailboxDatabases* mailboxes = nullptr, MailboxLocks* sessions = nullptr,
                 std::function<MailboxRules()> rules = {})
      : queue_(queue),
        commits_(commits),
        blob_(blob),
        clock_(clock),
        outbound_(outbound),
        mailboxes_(mailboxes),
        sessions_(sessions),
        rules_(std::move(rules)) {}

  /// Takes one row of an answer; false: the asker has gone.
  using Row = std::function<bool(const nlohmann::json&)>;

  /// {"command": "queue.list"|"queue.show"|"queue.hold"|"queue.release"|"queue.retry"|"queue.bounce"|
  /// "queue.delete"|"why", "ids": ["…"] or "all": true}, or {"command": "arrivals", "last": N};
  /// "store.mount", "store.dismount", "store.compact", {"command": "store.backup", "folder": "/…", "full":
  /// false}, {"command": "store.create", "directory": "/…" or none}, all with "database": "…", without which
  /// it is `default`; "store.move" as AccountMover has it; "mailbox.…" as MailboxAdministration has it;
  /// {"command": "store.salvage", "database": "…", "from": ["/…"], "dry_run": false};
  /// {"command": "store.import", "skip_duplicates": false}, of which `body` is what import_frames.h has.
  /// Gives the exit code (sysexits.h): EX_OK, or 1 when an id was not found. An Error is for a request that
  /// makes no sense or a database that can't be read.
  Result<int> answer(const nlohmann::json& request, const Row& row, const RequestBody& body = {});

 private:
  Result<int> store_request(const nlohmann::json& request, const Row& row, const RequestBody& body);
  Result<int> mount(const std::string& command, const std::string& database, const Row& row);
  Result<int> create(const std::string& database, const std::string& directory, const Row& row);
  Result<int> move(const nlohmann::json& request, const Row& row);
  Result<void> retry_waiting_for_mailboxes(const std::string& command);
  Result<int> back_up(const nlohmann::json& request, const Row& row);
  Result<int> compact(const std::string& database, const Row& row);
  Result<int> salvage(const nlohmann::json& request, const std::string& name, const Row& row);
  Result<int> import(const nlohmann::json& request, const Row& row, const RequestBody& body);
  Result<int> list(const nlohmann::json& request, const Row& row);
  Result<int> show(record::QueueId id, const Row& row);
  Result<int> why(record::QueueId id, const Row& row);
  Result<int> arrivals(std::size_t last, const Row& row);
  Result<int> change(const std::string& command, const nlohmann::json& request, const Row& row);
  Result<bool> change_one(const std::string& command, record::QueueId id);
  Result<std::vector<record::QueueId>> wanted(const nlohmann::json& request) const;
  Result<nlohmann::json> ledger(record::QueueId id);

  queue::Queue& queue_;
  io::GroupCommitter& commits_;
  Blob& blob_;
  const Clock& clock_;
  Outbound* outbound_;
  MailboxDatabases* mailboxes_;
  MailboxLocks* sessions_;
  std::function<MailboxRules()> rules_;  // of the configuration in force
};

}  // namespace hikyaku::serve
