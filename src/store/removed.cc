#include "store/removed.h"

#include <algorithm>

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
                         const std::vector<Uid>& uids) {
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
    batch.put(kMessage, message_key(id, uid), encode(record));
    batch.put(kChange, changed_key(id, given->modseq, uid), {});
    result.uids.emplace_back(old_uid, uid++);
  }
  store.registry().add_usage(batch, mailbox, *given, usage_of_messages(found), result.change);
  return result;
}

Result<std::vector<RemovedMailboxItem>> list_removed_mailboxes(const Store& store) {
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

namespace {

Result<void> purge_messages(Store& store, Kv::Batch& batch, Time before, std::size_t limit,
                            BodyChanges& bodies, Purged& purged) {
  const auto rows = store.kv().scan(kRemoved, kRemovals, removal_time_key(before), limit);
  if (!rows) return std::unexpected(rows.error());
  for (const auto& [key, value] : *rows) {
    const auto place = place_of(std::string_view(key).substr(removal_time_key(before).size()));
    if (!place) return unreadable("the key of a removal");
    const auto message = removed_key(place->mailbox, place->uid);
    const auto stored = read_for_change(store.kv(), batch, kRemoved, message);
    if (!stored) return std::unexpected(stored.error());
    batch.remove(kRemoved, key);
    const auto removed = *stored ? record::decode_removed_message(**stored)
                                 : Result<record::RemovedMessage>(no_mailbox("any more"));
    if (!removed) continue;
    batch.remove(kRemoved, message);
    if (auto released = bodies.release(removed->message); !released) return released;
    ++purged.messages;
  }
  purged.more = rows->size() == limit;
  return {};
}

/// What a mailbox was counted by, once that is added up to nothing in one row.
Result<void> remove_usage(const Store& store, Kv::Batch& batch, std::string_view account, std::uint32_t id) {
  const auto prefix = usage_key(account, id);
  const auto rows = store.kv().scan(kAccount, prefix, prefix_end(prefix), 2);
  if (!rows) return std::unexpected(rows.error());
  if (rows->size() == 1 && rows->front().second == encode(record::Usage{}))
    batch.remove(kAccount, rows->front().first);
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

Result<Purged> purge(Store& store, Kv::Batch& batch, Time before, std::size_t limit) {
  Purged purged;
  BodyChanges bodies(store.kv(), batch);
  if (auto done = purge_messages(store, batch, before, limit, bodies, purged); !done)
    return std::unexpected(done.error());
  const auto mailboxes = list_removed_mailboxes(store);
  if (!mailboxes) return std::unexpected(mailboxes.error());
  for (const auto& item : *mailboxes) {
    if (purged.more || purged.messages >= limit) {
      purged.more = true;
      break;
    }
    if (item.removed.removed >= before) continue;
    auto done = purge_mailbox(store, batch, item, limit - purged.messages, bodies, purged);
    if (!done) return std::unexpected(done.error());
  }
  bodies.finish(purged.unused_blobs);
  return purged;
}

}  // namespace hikyaku::store
