#include "store/account_move.h"

#include <set>

#include "store/account_copy.h"
#include "store/account_removal.h"
#include "store/account_rows.h"
#include "store/keys.h"
#include "store/registry.h"
#include "store/removed.h"
#include "store/scan_all.h"
#include "store/usage.h"

namespace hikyaku::store {
namespace {

Result<void> put_mark(MoveEnd& end, const std::string& account, const record::MovedAccount& moved) {
  Kv::Batch batch;
  batch.put(kMeta, moved_key(account), encode(moved));
  Change format(&end.store.registry());
  end.store.registry().put_format(batch, format);  // it may be the first that is ever written
  auto done = end.commit(std::move(batch));
  if (done) format.committed();
  return done;
}

}  // namespace

AccountMove::~AccountMove() {
  if (!closed_) return;
  from_.store.registry().reopen(account_);
  to_.store.registry().reopen(account_);
}

Result<void> AccountMove::begin(std::chrono::milliseconds patience) {
  closed_ = true;
  from_.store.registry().close(account_);
  to_.store.registry().close(account_);
  if (from_.store.registry().wait_quiet(account_, patience)) return {};
  return fail(Fault::temporary, "changes of '" + account_ + "' take too long: try again");
}

Result<AccountMove::Counts> AccountMove::copy(Time now) {
  const auto marked = to_.store.kv().get(kMeta, moved_key(account_));
  if (!marked) return std::unexpected(marked.error());
  if (*marked) {
    if (auto removed = remove_account(to_, account_); !removed) return std::unexpected(removed.error());
  }
  const auto there = boxes_of(to_.store.kv(), account_);
  if (!there) return std::unexpected(there.error());
  const auto removed_there = removed_boxes_of(to_.store.kv(), account_);
  if (!removed_there) return std::unexpected(removed_there.error());
  if (!there->empty() || !removed_there->empty()) {
    return fail(Fault::permanent, "database " + to_.name + " has mailboxes of '" + account_ +
                                      "' that no move brought, as after a restore of an old backup; nothing "
                                      "was changed");
  }
  const record::MovedAccount mark{now, from_.name, to_.name};
  for (auto* end : {&to_, &from_}) {
    if (auto put = put_mark(*end, account_, mark); !put) return std::unexpected(put.error());
  }
  const auto prefix = account_prefix(account_);
  if (auto removed = remove_range(to_, kAccount, prefix, prefix_end(prefix)); !removed)
    return std::unexpected(removed.error());
  return copy_account(from_, to_, account_, progress_);
}

Result<void> AccountMove::take_over() {
  if (auto adopted = to_.store.registry().adopt(account_); !adopted) return adopted;
  from_.store.registry().forget(account_);
  if (auto done = settle(from_, account_); !done) return done;
  return settle(to_, account_);
}

Result<void> AccountMove::give_up() {
  if (auto done = settle(to_, account_); !done) return done;
  return settle(from_, account_);
}

Result<std::vector<MovedItem>> moved_accounts(const Kv& kv) {
  std::vector<MovedItem> all;
  const std::string from(kMovedAccounts);
  auto done = scan_all(kv, kMeta, from, prefix_end(from),
                       [&](const std::string& key, const std::string& value) -> Result<void> {
                         auto moved = record::decode_moved_account(value);
                         if (!moved) return std::unexpected(moved.error());
                         all.push_back({key.substr(from.size()), std::move(*moved)});
                         return {};
                       });
  if (!done) return std::unexpected(done.error());
  return all;
}

Result<void> settle(MoveEnd& end, const std::string& account) {
  if (!end.store.registry().is_here(account)) return remove_account(end, account);
  const auto bodies = moved_body_prefix(account);
  if (auto done = remove_range(end, kMeta, bodies, prefix_end(bodies)); !done) return done;
  Kv::Batch batch;
  batch.remove(kMeta, moved_key(account));
  return end.commit(std::move(batch));
}

Result<std::vector<std::string>> accounts_in(const Store& store) {
  std::set<std::string> accounts;
  for (const auto& box : store.registry().all()) accounts.emplace(account_of(box.name));
  const auto removed = list_removed_mailboxes(store);
  if (!removed) return std::unexpected(removed.error());
  for (const auto& one : *removed) accounts.emplace(account_of(one.removed.name));
  for (std::string account;;) {
    const auto next = next_account(store, account);
    if (!next) return std::unexpected(next.error());
    if (!*next) break;
    account = **next;
    if (store.registry().is_here(account)) accounts.insert(account);
  }
  return std::vector<std::string>(accounts.begin(), accounts.end());
}

}  // namespace hikyaku::store
