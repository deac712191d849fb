#include "store/messages.h"

#include <algorithm>

#include "store/bodies.h"
#include "store/keys.h"
#include "store/message_rows.h"
#include "store/registry.h"
#include "store/scan_all.h"

namespace hikyaku::store {
namespace {

void set(bool& flag, bool wanted, FlagChange::How how) {
  switch (how) {
    case FlagChange::How::replace:
      flag = wanted;
      break;
    case FlagChange::How::add:
      flag = flag || wanted;
      break;
    case FlagChange::How::remove:
      flag = flag && !wanted;
      break;
  }
}

Result<void> apply(const FlagChange& wanted, record::MessageRecord& record) {
  for (const auto flag : {&Flags::seen, &Flags::answered, &Flags::flagged, &Flags::deleted, &Flags::draft}) {
    set(record.flags.*flag, wanted.flags.*flag, wanted.how);
  }
  if (wanted.how == FlagChange::How::replace) record.keywords = {};
  for (const auto& word : wanted.keywords.words()) {
    if (wanted.how == FlagChange::How::remove) {
      record.keywords.remove(word);
    } else if (auto added = record.keywords.add(word); !added) {
      return added;
    }
  }
  return {};
}

}  // namespace

Result<FlagsChanged> change_flags(Store& store, Kv::Batch& batch, std::string_view mailbox,
                                  const std::vector<Uid>& uids, const FlagChange& wanted) {
  FlagsChanged result{Change(&store.registry()), 0, {}, {}, {}};
  const auto box = store.registry().find(mailbox);
  if (!box) return std::unexpected(box.error());
  auto found = messages_for_change(store, batch, *box, uids);
  if (!found) return std::unexpected(found.error());
  result.missing = std::move(found->missing);
  std::optional<Registry::Given> given;
  record::Usage usage;
  for (auto& [uid, record] : found->messages) {
    if (wanted.unchanged_since && record.modseq > *wanted.unchanged_since) {
      result.modified.push_back(uid);
      continue;
    }
    result.changed.push_back(uid);
    auto after = record;
    if (auto applied = apply(wanted, after); !applied) return std::unexpected(applied.error());
    if (after == record) continue;
    if (!given) {
      const auto one = store.registry().give(batch, mailbox, {}, Registry::Missing::refuse, 0, result.change);
      if (!one) return std::unexpected(one.error());
      given = *one;
      result.modseq = given->modseq;
    }
    usage += record::usage_of_message(after);
    usage += -record::usage_of_message(record);
    after.modseq = result.modseq;
    const auto id = box->record.id;
    batch.put(kMessage, message_key(id, uid), encode(after));
    batch.remove(kChange, changed_key(id, record.modseq, uid));
    batch.put(kChange, changed_key(id, after.modseq, uid), {});
  }
  if (usage != record::Usage{}) store.registry().add_usage(batch, mailbox, *given, usage, result.change);
  return result;
}

Result<void> Store::set_flags(Kv::Batch& batch, std::string_view mailbox, Uid uid, Flags flags) {
  const auto item = find(mailbox, uid);
  if (!item) return std::unexpected(item.error());
  FlagChange wanted;
  wanted.flags = flags;
  wanted.keywords = item->message.keywords;
  const auto changed = change_flags(*this, batch, mailbox, {uid}, wanted);
  if (!changed) return std::unexpected(changed.error());
  if (!changed->missing.empty()) return no_message(mailbox, uid);
  return {};
}

Result<Expunged> expunge(Store& store, Kv::Batch& batch, std::string_view mailbox,
                         const std::vector<Uid>& uids, std::optional<Time> recoverable,
                         const StillWanted& still) {
  Expunged result{Change(&store.registry()), 0, {}, {}, {}};
  const auto box = store.registry().find(mailbox);
  if (!box) return std::unexpected(box.error());
  auto found = messages_for_change(store, batch, *box, uids);
  if (!found) return std::unexpected(found.error());
  result.missing = std::move(found->missing);
  if (still) {
    std::erase_if(found->messages, [&](const FoundMessage& one) { return !still(one.uid, one.record); });
  }
  if (found->messages.empty()) return result;
  const auto given = take_out(store, batch, mailbox, found->messages, result.change);
  if (!given) return std::unexpected(given.error());
  result.modseq = given->modseq;
  store.registry().add_usage(batch, mailbox, *given, -usage_of_messages(found->messages), result.change);
  BodyChanges bodies(store.kv(), batch);
  for (auto& [uid, record] : found->messages) {
    result.uids.push_back(uid);
    if (recoverable) {
      batch.put(kRemoved, removal_key(*recoverable, given->mailbox, uid), {});
      batch.put(kRemoved, removed_key(given->mailbox, uid),
                encode(record::RemovedMessage{*recoverable, std::move(record)}));
    } else if (auto released = bodies.release(record); !released) {
      return std::unexpected(released.error());
    }
  }
  bodies.finish(result.unused_blobs);
  return result;
}

Result<void> Store::expunge(Kv::Batch& batch, std::string_view mailbox, Uid uid, std::string& unused_blob) {
  const auto expunged = store::expunge(*this, batch, mailbox, {uid}, std::nullopt);
  if (!expunged) return std::unexpected(expunged.error());
  if (!expunged->missing.empty()) return no_message(mailbox, uid);
  if (!expunged->unused_blobs.empty()) unused_blob = expunged->unused_blobs.front();
  return {};
}

Result<Changes> changes_since(const Store& store, std::string_view mailbox, ModSeq since) {
  const auto box = store.registry().find(mailbox);
  if (!box) return std::unexpected(box.error());
  const auto described = store.find_mailbox(mailbox);
  if (!described) return std::unexpected(described.error());
  const auto stored = store.kv().get(kMailbox, mailbox);
  if (!stored) return std::unexpected(stored.error());
  if (!*stored) return no_mailbox(mailbox);
  const auto record = record::decode_mailbox_record(**stored);
  if (!record) return std::unexpected(record.error());
  const auto id = record->id;
  Changes changes;
  changes.highest = described->highest_modseq;
  changes.vanished_known = since >= record->vanished_floor;
  const auto each = [&](const std::string& key, const std::string& value) -> Result<void> {
    const auto place = change_place_of(key);
    if (!place) return unreadable("the key of a change");
    if (place->kind == 'c') {
      changes.changed.push_back(place->uid);
      return {};
    }
    const auto uids = record::decode_uids(value);
    if (!uids) return std::unexpected(uids.error());
    changes.vanished.insert(changes.vanished.end(), uids->begin(), uids->end());
    return {};
  };
  const auto end = changes.highest + 1;
  if (since == 0) {
    // Messages of before there were MODSEQs have no row.
    auto all = scan_all(store.kv(), kMessage, message_key(id, 0),
                        box->first_held_uid ? message_key(id, *box->first_held_uid) : mailbox_end(id),
                        [&](const std::string& key, const std::string&) -> Result<void> {
                          const auto uid = uid_of(key);
                          if (!uid) return unreadable("the key of a message");
                          changes.changed.push_back(*uid);
                          return {};
                        });
    if (!all) return std::unexpected(all.error());
  } else if (auto done =
                 scan_all(store.kv(), kChange, changed_key(id, since + 1, 0), changed_key(id, end, 0), each);
             !done) {
    return std::unexpected(done.error());
  }
  auto done = scan_all(store.kv(), kChange, vanished_key(id, since + 1), vanished_key(id, end), each);
  if (!done) return std::unexpected(done.error());
  std::ranges::sort(changes.changed);
  std::ranges::sort(changes.vanished);
  return changes;
}

Result<std::vector<std::optional<record::Envelope>>> envelopes(const Store& store,
                                                               const std::vector<Store::Item>& items) {
  std::vector<std::string> keys;
  keys.reserve(items.size());
  for (const auto& item : items) keys.push_back(item.message.body_key);
  auto rows = store.kv().multi_get(kEnvelope, keys);
  if (!rows) return std::unexpected(rows.error());
  std::vector<std::optional<record::Envelope>> all;
  all.reserve(rows->size());
  for (const auto& row : *rows) {
    auto envelope = row ? record::decode_envelope(*row) : Result<record::Envelope>();
    // One that can't be read is read from the message instead.
    all.push_back(row && envelope ? std::optional(std::move(*envelope)) : std::nullopt);
  }
  return all;
}

}  // namespace hikyaku::store
