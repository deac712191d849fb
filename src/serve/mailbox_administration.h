#pragma once
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>

#include "base/blob.h"
#include "base/result.h"
#include "base/time.h"
#include "io/group_committer.h"
#include "serve/mailbox_rules.h"
#include "store/store.h"

namespace hikyaku::serve {

/// What an administrator does with mailboxes, in a running hub or with the database opened by a command: the
/// same code does both. Blocks: for the pool.
class MailboxAdministration {
 public:
  MailboxAdministration(store::Store& store, io::GroupCommitter& commits, Blob& blob, const Clock& clock,
                        MailboxRules rules)
      : store_(store), commits_(commits), blob_(blob), clock_(clock), rules_(std::move(rules)) {}

  /// Takes one row of an answer; false: the asker has gone.
  using Row = std::function<bool(const nlohmann::json&)>;

  /// {"command": "mailbox.list", "account": "…" or none}
  /// {"command": "mailbox.create"|"mailbox.delete", "mailbox": "…"}
  /// {"command": "mailbox.rename", "mailbox": "…", "to": "…"}
  /// {"command": "mailbox.quota", "account": "…", "octets": N, "messages": N, "default": true,
  ///  "recount": true}: sets what is given, then tells
  /// {"command": "mailbox.removed", "mailbox": "…" or none}: messages of it, or removed mailboxes
  /// {"command": "mailbox.restore", "mailbox": "…", "uids": [N…] or none for all}, or
  /// {"command": "mailbox.restore", "id": N, "to": "…"}
  /// {"command": "mailbox.purge", "older": seconds}: what no rule keeps
  /// {"command": "mailbox.expire", "mailbox": "…" (a user's: all of that user) or none, "dry_run": false,
  ///  "explain": false}: a row for each mailbox with a rule; before it, explaining, one for each message;
  /// now and then {"done": N, "all": N}
  /// Gives the exit code (sysexits.h); an Error when it was not done.
  Result<int> answer(const nlohmann::json& request, const Row& row);

 private:
  Result<int> list(const nlohmann::json& request, const Row& row);
  Result<int> quota(const nlohmann::json& request, const Row& row);
  Result<int> removed(const nlohmann::json& request, const Row& row);
  Result<int> restore(const nlohmann::json& request, const Row& row);
  Result<int> restore_messages(const std::string& mailbox, const std::vector<store::Uid>& uids,
                               const Row& row);
  Result<int> purge(const nlohmann::json& request, const Row& row);
  Result<int> expire(const nlohmann::json& request, const Row& row);
  Result<int> expire_mailbox(const nlohmann::json& request, const std::string& mailbox, const Row& row,
                             const std::function<void(store::Uid)>& progress);
  /// Composes and commits, again when somebody else changed the same.
  Result<void> change(const std::function<Result<store::Change>(Kv::Batch&)>& compose);

  store::Store& store_;
  io::GroupCommitter& commits_;
  Blob& blob_;
  const Clock& clock_;
  const MailboxRules rules_;
};

}  // namespace hikyaku::serve
