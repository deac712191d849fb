#include "store/removed.h"

#include <algorithm>
#include <map>

#include "store/bodies.h"
#include "store/keys.h"
#include "store/mailbox_name.h"
#include "store/message_rows.h"
#include "store/messages.h"
#include "store/pending.h"
#include "store/registry.h"
#include "store/scan_all.h"

namespace hikyaku::store {

Result<std::vector<RemovedItem>> list_removed(const Store& store, std::string_view mailbox, Uid from,
                                              std::size_t limit) {
  const auto box = store.registry().find(mailbox);
  if (!box) return std::unexpected(box.error());
  const auto id = box->record.id;
  const auto end = prefix_end(std::string(kRemovedMessages) + big_endian(id));
  auto rows = store.kv().scan(kRemoved, removed_key(id, from), end, limit);
  if (!rows) return std::unexpected(rows.error());
  std::vector<RemovedItem> items;
  for (const auto& [key, value] : *rows) {
    const auto uid = uid_of(std::string_view(key).substr(kRemovedMessages.size()));
    if (!uid) return unreadable("the key of a removed message");
    auto removed = record::decode_removed_message(value);
    if (!removed) return std::unexpected(removed.error());
    items.push_back({*uid, std::move(*removed)});
  }
  return items;
}

Result<Restored> restore(Store& store, Kv::Batch& batch, std::string_view mailbox,
                         const std::vector<Uid>& uids, Time now) {
  Restored result{Change(&store.registry()), {}, {}};
  const auto box = store.registry().find(mailbox);
  if (!box) return std::unexpected(box.error());
  if (uids.size() > kMostAtOnce)
    return fail(Fault::malformed,
                "at most " + std::to_string(kMostAtOnce) + " messages are restored at once");
  auto wanted = uids;
  std::ranges::sort(wanted);
  wanted.erase(std::ranges::unique(wanted).begin(), wanted.end());
  const auto id = box->record.id;
  std::vector<FoundMessage> found;
  for (const auto uid : wanted) {
    const auto stored = read_for_change(store.kv(), batch, kRemoved, removed_key(id, uid));
    if (!stored) return std::unexpected(stored.error());
    if (!*stored) {
      result.missing.push_back(uid);
      continue;
    }
    auto removed = record::decode_removed_message(**stored);
    if (!removed) return std::unexpected(removed.error());
    batch.remove(kRemoved, removed_key(id, uid));
    batch.remove(kRemoved, removal_key(removed->removed, id, uid));
    found.push_back({uid, std::move(removed->message)});
  }
  if (found.empty()) return result;
  const auto given = store.registry().give(batch, mailbox, {}, Registry::Missing::refuse,
                                           static_cast<std::uint32_t>(found.size()), result.change);
  if (!given) return std::unexpected(given.error());
  if (given->mailbox != id) return no_mailbox(mailbox);
  auto uid = given->first_uid;
  for (auto& [old_uid, record] : found) {
    record.modseq = given->modseq;
    record.flags.deleted = false;  // or the next EXPUNGE would take it away again
    record.restored = now;         // the same of a rule that removes what is old
    batch.put(kMessage, message_key(id, uid), encode(record));
    batch.put(kChange, changed_key(id, given->modseq, uid), {});
    result.uids.emplace_back(old_uid, uid++);
  }
  store.registry().add_usage(batch, mailbox, *given, usage_of_messages(found), result.change);
  return result;
}

namespace {

/// Also those of accounts that are in another database.
Result<std::vector<RemovedMailboxItem>> all_removed_mailboxes(const Store& store) {
  std::vector<RemovedMailboxItem> items;
  const std::string from(kRemovedMailboxes);
  auto done = scan_all(store.kv(), kRemoved, from, prefix_end(from),
                       [&](const std::string&, const std::string& value) -> Result<void> {
                         auto removed = record::decode_removed_mailbox(value);
                         if (!removed) return std::unexpected(removed.error());
                         items.push_back({removed->mailbox.id, std::move(*removed)});
                         return {};
                       });
  if (!done) return std::unexpected(done.error());
  return items;
}

/// Of kept removals, which cost a look and nothing else, so many are passed by in one call.
constexpr std::size_t kLookedAt = 4000;

/// What may be purged of which mailbox, each asked for once a call.
class Limits {
 public:
  Limits(const Store& store, const std::vector<RemovedMailboxItem>& removed, Time before,
         const PurgeLimits& ask)
      : store_(store), before_(before), ask_(ask) {
    for (const auto& item : removed) removed_[item.id] = item.removed.name;
  }
  bool may_go(std::uint32_t mailbox, Time removed) {
    if (!ask_) return removed < before_;
    auto known = limits_.find(mailbox);
    if (known == limits_.end()) {
      auto name = store_.registry().name_of(mailbox);
      if (const auto at = removed_.find(mailbox); !name && at != removed_.end()) name = at->second;
      // Of a mailbox that has no name any more nobody can say that its mail is to be kept.
      known = limits_.emplace(mailbox, name ? ask_(*name) : std::optional(before_)).first;
    }
    return known->second && removed < std::min(before_, *known->second);
  }

 private:
  const Store& store_;
  const Time before_;
  const PurgeLimits& ask_;
  std::map<std::uint32_t, std::string> removed_;
  std::map<std::uint32_t, std::optional<Time>> limits_;
};

Result<void> purge_message(Store& store, Kv::Batch& batch, const MessagePlace& place, BodyChanges& bodies,
                           Purged& purged) {
  const auto key = removed_key(place.mailbox, place.uid);
  const auto stored = read_for_change(store.kv(), batch, kRemoved, key);
  if (!stored) return std::unexpected(stored.error());
  const auto removed = *stored ? record::decode_removed_message(**stored)
                               : Result<record::RemovedMessage>(no_mailbox("any more"));
  if (!removed) return {};
  batch.remove(kRemoved, key);
  if (auto released = bodies.release(removed->message); !released) return released;
  ++purged.messages;
  return {};
}

Result<void> purge_messages(Store& store, Kv::Batch& batch, Time before, std::string_view from,
                            std::size_t limit, Limits& limits, BodyChanges& bodies, Purged& purged) {
  const auto most = std::max(limit, kLookedAt);
  const auto rows = store.kv().scan(kRemoved, from.empty() ? std::string(kRemovals) : std::string(from),
                                    removal_time_key(before), most);
  if (!rows) return std::unexpected(rows.error());
  purged.next = from;
  for (const auto& [key, value] : *rows) {
    const auto removal = removal_of(key);
    if (!removal) return unreadable("the key of a removal");
    if (purged.messages == limit) break;
    purged.next = key + '\0';
    if (!limits.may_go(removal->place.mailbox, removal->removed)) {
      ++purged.kept;
      continue;
    }
    batch.remove(kRemoved, key);
    if (auto done = purge_message(store, batch, removal->place, bodies, purged); !done) return done;
  }
  purged.more = rows->size() == most || purged.messages == limit;
  return {};
}

/// What a mailbox was counted by, once that is added up to nothing in one row.
Result<void> remove_usage(const Store& store, Kv::Batch& batch, std::string_view account, std::uint32_t id) {
  const auto prefix = usage_key(account, id);
  const auto rows = store.kv().scan(kAccount, prefix, prefix_end(prefix), 2);
  if (!rows) return std::unexpected(rows.error());
  if (rows->size() != 1) return {};
  const auto usage = record::decode_usage(rows->front().second);
  if (!usage) return std::unexpected(usage.error());
  if (*usage == record::Usage{}) batch.remove(kAccount, rows->front().first);
  return {};
}

/// Removed messages of a mailbox come first, by their own, earlier time: so `limit` is left of theirs.
Result<void> purge_mailbox(Store& store, Kv::Batch& batch, const RemovedMailboxItem& item, std::size_t limit,
                           BodyChanges& bodies, Purged& purged) {
  const auto key = removed_mailbox_key(item.id);
  const auto row = read_for_change(store.kv(), batch, kRemoved, key);
  if (!row) return std::unexpected(row.error());
  if (!*row) return {};
  const auto messages = store.kv().scan(kMessage, message_key(item.id, 0), mailbox_end(item.id), limit);
  if (!messages) return std::unexpected(messages.error());
  for (const auto& [message, value] : *messages) {
    const auto record = record::decode_message_record(value);
    if (!record) return unreadable("a message of the removed mailbox '" + item.removed.name + "'");
    batch.remove(kMessage, message);
    if (auto released = bodies.release(*record); !released) return released;
    ++purged.messages;
  }
  const auto changes = store.kv().scan(kChange, big_endian(item.id), prefix_end(big_endian(item.id)), limit);
  if (!changes) return std::unexpected(changes.error());
  for (const auto& [change, value] : *changes) batch.remove(kChange, change);
  if (messages->size() < limit && changes->size() < limit) {
    batch.remove(kRemoved, key);
    return remove_usage(store, batch, account_of(item.removed.name), item.id);
  }
  purged.more = true;
  auto left = item.removed;
  left.purging = true;
  batch.put(kRemoved, key, encode(left));
  return {};
}

}  // namespace

Result<std::vector<RemovedMailboxItem>> list_removed_mailboxes(const Store& store) {
  auto items = all_removed_mailboxes(store);
  if (items) {
    std::erase_if(*items, [&](const RemovedMailboxItem& item) {
      return !store.registry().is_here(account_of(item.removed.name));
    });
  }
  return items;
}

Result<Purged> purge(Store& store, Kv::Batch& batch, Time before, std::size_t limit, const PurgeLimits& ask,
                     std::string_view from) {
  Purged purged;
  const auto mailboxes = all_removed_mailboxes(store);
  if (!mailboxes) return std::unexpected(mailboxes.error());
  Limits limits(store, *mailboxes, before, ask);
  BodyChanges bodies(store.kv(), batch);
  if (auto done = purge_messages(store, batch, before, from, limit, limits, bodies, purged); !done)
    return std::unexpected(done.error());
  for (const auto& item : *mailboxes) {
    if (purged.more || purged.messages >= limit) {
      purged.more = true;
      break;
    }
    if (item.removed.removed >= before) continue;
    if (!limits.may_go(item.id, item.removed.removed)) {
      ++purged.kept;
      continue;
    }
    auto done = purge_mailbox(store, batch, item, limit - purged.messages, bodies, purged);
    if (!done) return std::unexpected(done.error());
  }
  bodies.finish(purged.unused_blobs);
  return purged;
}

}  // namespace hikyaku::store
