#include "serve/mailbox_upkeep.h"

#include "base/escape.h"
#include "serve/account_mover.h"
#include "serve/mailbox_databases.h"
#include "serve/running.h"
#include "store/removed.h"
#include "store/usage.h"

namespace hikyaku::serve {
namespace {

constexpr std::chrono::hours kFull{1};
constexpr std::size_t kPurgedAtOnce = 200;  // messages: a commit that holds others up for some milliseconds
constexpr int kPurgesAtOnce = 50;           // the rest in a minute: the thread has other work too

}  // namespace

void MailboxUpkeep::run(Time now) {
  settle_moves(services_.mailboxes,
               [this](const std::string& text) { services_.log.info("store", escaped(text)); });
  for (auto& [name, database] : services_.mailboxes.mounted()) {
    if (services_.stopping) return;
    database_ = std::move(database);
    work(name, now);
    database_.reset();
  }
}

void MailboxUpkeep::work(const std::string& name, Time now) {
  for (const auto& account : store::accounts_to_fold(*database_->store)) fold_account(account);
  auto& last_full = last_full_[name];
  if (last_full && now - *last_full < kFull && now >= *last_full) return;
  fold_all();
  last_full = now;
  if (!purge(now - services_.running()->removed_mail_lifetime)) last_full.reset();
}

void MailboxUpkeep::fold_account(const std::string& account) {
  for (bool more = true; more && !services_.stopping;) {
    Kv::Batch batch;
    const auto folded = store::fold_usage(*database_->store, batch, account);
    if (!folded) return services_.log.warning("store", escaped(folded.error().text));
    more = *folded;
    if (batch.empty()) return;
    // When another one has folded them meanwhile, there is nothing left to do.
    if (auto done = database_->commits->commit(std::move(batch)); !done) return;
  }
}

void MailboxUpkeep::fold_all() {
  std::string account;
  while (!services_.stopping) {
    const auto next = store::next_account(*database_->store, account);
    if (!next) return services_.log.warning("store", escaped(next.error().text));
    if (!*next) return;
    account = **next;
    fold_account(account);
  }
}

bool MailboxUpkeep::purge(Time before) {
  const std::unique_lock moving(services_.mailboxes.moving(), std::try_to_lock);
  if (!moving.owns_lock()) return false;
  std::size_t messages = 0;
  int tries = 0;
  bool all = true;
  for (bool more = true; more && !services_.stopping;) {
    if (++tries > kPurgesAtOnce) {
      all = false;
      break;
    }
    Kv::Batch batch;
    const auto purged = store::purge(*database_->store, batch, before, kPurgedAtOnce);
    if (!purged) {
      services_.log.warning("store", "purge removed mail: " + escaped(purged.error().text));
      return true;
    }
    more = purged->more;
    if (batch.empty()) break;
    if (auto done = database_->commits->commit(std::move(batch)); !done) {
      // Somebody restores some of it just now: the next time will do.
      if (done.error().fault == Fault::not_found) break;
      services_.log.warning("store", "purge removed mail: " + escaped(done.error().text));
      return true;
    }
    messages += purged->messages;
    for (const auto& name : purged->unused_blobs) {
      if (auto removed = database_->blob->remove(name); !removed)
        services_.log.warning("store", escaped(removed.error().text));
    }
  }
  if (messages > 0) services_.log.info("store", std::to_string(messages) + " removed messages were purged");
  return all;
}

}  // namespace hikyaku::serve
