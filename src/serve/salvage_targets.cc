#include "serve/salvage_targets.h"

#include "store/keys.h"
#include "store/registry.h"
#include "store/removed.h"
#include "store/scan_all.h"

namespace hikyaku::serve {

Result<SalvageTargets> SalvageTargets::read(const StoreDatabase& database, const SalvagedLogs& logs) {
  SalvageTargets targets(database, logs);
  auto listed = database.store->list_mailboxes();
  if (!listed) return std::unexpected(std::move(listed.error()));
  for (auto& box : *listed) targets.boxes_.emplace(box.id, std::move(box));
  const auto removed = store::list_removed_mailboxes(*database.store);
  if (!removed) return std::unexpected(removed.error());
  for (const auto& box : *removed) targets.removed_boxes_[box.id] = box.removed.mailbox.uid_validity;
  return targets;
}

/// A log rarely has the name of a mailbox: only when it was made, or renamed. Its number is good where
/// nothing speaks against it; after a loss another mailbox may have got it.
Result<SalvageTarget> SalvageTargets::of(std::uint32_t number, const std::string& doubtful_account) const {
  SalvageTarget target;
  const auto& told = logs_->mailbox(number);
  const auto removed = removed_boxes_.find(number);
  target.removed = told.removed || (removed != removed_boxes_.end() &&
                                    (told.uid_validity == 0 || told.uid_validity == removed->second));
  if (target.removed) return target;
  const auto box = boxes_.find(number);
  const bool there = box != boxes_.end();
  const auto& told_account = told.account.empty() ? doubtful_account : told.account;
  if (there) {
    target.same = told.uid_validity != 0
                      ? told.uid_validity == box->second.uid_validity
                      : !told_account.empty() && told_account == store::account_of(box->second.name);
  }
  if (target.same) {
    target.mailbox = box->second.name;
    auto vanished = vanished_of(number);
    if (!vanished) return std::unexpected(std::move(vanished.error()));
    target.vanished = std::move(*vanished);
  } else if (!told.name.empty()) {
    target.mailbox = told.name;
  } else if (!told.account.empty()) {
    target.mailbox = told.account + std::string(kFolder);  // the name of its folder is lost
  } else {
    target.why = "these logs don't tell whose mailbox it was in";
  }
  if (const auto account = store::account_of(target.mailbox);
      !target.mailbox.empty() && !database_->store->registry().is_here(account)) {
    target.why = "the mailboxes of " + std::string(account) + " are in another database";
    target.mailbox.clear();
  }
  return target;
}

Result<std::set<store::Uid>> SalvageTargets::vanished_of(std::uint32_t number) const {
  std::set<store::Uid> uids;
  const auto from = store::vanished_prefix(number);
  auto read = store::scan_all(*database_->kv, store::kChange, from, prefix_end(from),
                              [&](const std::string&, const std::string& value) -> Result<void> {
                                const auto some = record::decode_uids(value);
                                if (!some) return std::unexpected(some.error());
                                uids.insert(some->begin(), some->end());
                                return {};
                              });
  if (!read) return std::unexpected(read.error());
  return uids;
}

}  // namespace hikyaku::serve
