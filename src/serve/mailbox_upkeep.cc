#include "serve/mailbox_upkeep.h"

#include <utility>

#include "base/escape.h"
#include "serve/account_mover.h"
#include "serve/mailbox_databases.h"
#include "serve/running.h"
#include "store/removed.h"
#include "store/usage.h"

namespace hikyaku::serve {
namespace {

constexpr std::chrono::hours kFull{1};
constexpr std::chrono::hours kKept{24};
constexpr std::chrono::seconds kExpiring{5};  // of a minute
constexpr std::size_t kPurgedAtOnce = 200;    // messages: a commit that holds others up for some milliseconds
constexpr int kPurgesAtOnce = 50;             // the rest in a minute: the thread has other work too

}  // namespace

void MailboxUpkeep::run(Time now) {
  settle_moves(services_.mailboxes,
               [this](const std::string& text) { services_.log.info("store", escaped(text)); });
  if (auto running = services_.running(); running != running_) {
    running_ = std::move(running);
    for (auto& [name, memory] : memories_) {
      memory.last_full.reset();
      memory.purged_all.reset();
      memory.expiry.begin_again();
    }
  }
  for (auto& [name, database] : services_.mailboxes.mounted()) {
    if (services_.stopping) return;
    database_ = std::move(database);
    memory_ = &memory_of(name);
    work(now);
    database_.reset();
  }
}

MailboxUpkeep::Memory& MailboxUpkeep::memory_of(const std::string& name) {
  if (const auto known = memories_.find(name); known != memories_.end()) {
    if (known->second.of.lock() == database_) return known->second;
    memories_.erase(known);
  }
  auto& log = services_.log;
  MailboxExpiry::Surroundings around{
      [&log](const std::string& text) { log.info("store", text); },
      [&log](const std::string& text) { log.warning("store", text); },
      [&locks = services_.mailbox_locks](const std::string& mailbox) { return locks.taken(mailbox); }};
  MailboxExpiry expiry({*database_->store, *database_->commits, *database_->blob}, std::move(around));
  return memories_.try_emplace(name, database_, std::move(expiry)).first->second;
}

void MailboxUpkeep::work(Time now) {
  for (const auto& account : store::accounts_to_fold(*database_->store)) fold_account(account);
  auto& last = memory_->last_full;
  if (!last || now - *last >= kFull || now < *last) {
    last = now;
    fold_all();
    memory_->expiring = memory_->purging = true;
  }
  if (memory_->expiring) expire(now);
  if (memory_->purging) purge(now);
}

void MailboxUpkeep::expire(Time now) {
  const auto rules = running_->mailbox_rules();
  const auto enough = [this, end = std::chrono::steady_clock::now() + kExpiring] {
    return services_.stopping || std::chrono::steady_clock::now() > end;
  };
  memory_->expiring = !rules.maps->empty() && memory_->expiry.run(rules, now, enough);
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

void MailboxUpkeep::purge(Time now) {
  // While an account is moved it comes again in a minute.
  const std::unique_lock moving(services_.mailboxes.moving(), std::try_to_lock);
  if (!moving.owns_lock()) return;
  const auto rules = running_->mailbox_rules();
  auto& memory = *memory_;
  // What rules keep is looked at once a day, not each hour.
  if (rules.maps->empty() || !memory.purged_all || now - *memory.purged_all >= kKept ||
      now < *memory.purged_all) {
    memory.purge_from.clear();
    memory.purged_all = now;
  }
  bool told = false;
  const auto limits =
      rules.purge_limits(rules.removed_lifetime, now, [&](std::string_view mailbox, const Error& error) {
        if (std::exchange(told, true)) return;
        services_.log.warning("store",
                              "mailbox " + escaped(mailbox) + ": nothing is purged: " + escaped(error.text));
      });
  std::size_t messages = 0;
  int tries = 0;
  for (memory.purging = true; memory.purging && ++tries <= kPurgesAtOnce && !services_.stopping;) {
    Kv::Batch batch;
    const auto purged = store::purge(*database_->store, batch, now - rules.removed_lifetime, kPurgedAtOnce,
                                     limits, memory.purge_from);
    if (!purged) {
      memory.purging = false;
      services_.log.warning("store", "purge removed mail: " + escaped(purged.error().text));
      break;
    }
    if (auto done = batch.empty() ? Result<void>() : database_->commits->commit(std::move(batch)); !done) {
      memory.purging = false;
      // Somebody restores some of it just now: the next time will do.
      if (done.error().fault != Fault::not_found)
        services_.log.warning("store", "purge removed mail: " + escaped(done.error().text));
      break;
    }
    memory.purging = purged->more;
    memory.purge_from = purged->next;
    messages += purged->messages;
    for (const auto& name : purged->unused_blobs) {
      if (auto removed = database_->blob->remove(name); !removed)
        services_.log.warning("store", escaped(removed.error().text));
    }
  }
  if (messages > 0) services_.log.info("store", std::to_string(messages) + " removed messages were purged");
}

}  // namespace hikyaku::serve
