#include "store/message_rows.h"

#include <algorithm>

#include "store/keys.h"
#include "store/messages.h"
#include "store/pending.h"

namespace hikyaku::store {
namespace {

/// Changes of a mailbox of which the vanished UIDs are remembered, and how many are forgotten at once.
constexpr std::uint64_t kVanishedRows = 10'000;
constexpr std::size_t kForgottenAtOnce = 16;

Result<void> forget_vanished(const Store& store, Kv::Batch& batch, record::MailboxRecord& record) {
  if (record.vanished_rows <= kVanishedRows) return {};
  const auto prefix = vanished_prefix(record.id);
  const auto rows = store.kv().scan(kChange, prefix, prefix_end(prefix), kForgottenAtOnce);
  if (!rows) return std::unexpected(rows.error());
  for (const auto& [key, value] : *rows) {
    const auto place = change_place_of(key);
    if (!place) return unreadable("the key of a change");
    batch.remove(kChange, key);
    record.vanished_floor = std::max(record.vanished_floor, place->modseq);
  }
  record.vanished_rows -= std::min<std::uint64_t>(record.vanished_rows, rows->size());
  return {};
}

}  // namespace

Result<FoundMessages> messages_for_change(const Store& store, Kv::Batch& batch,
                                          const Registry::Mailbox& mailbox, const std::vector<Uid>& uids) {
  if (uids.size() > kMostAtOnce) {
    return fail(Fault::malformed, "at most " + std::to_string(kMostAtOnce) + " messages are changed at once");
  }
  auto wanted = uids;
  std::ranges::sort(wanted);
  wanted.erase(std::ranges::unique(wanted).begin(), wanted.end());
  FoundMessages found;
  for (const auto uid : wanted) {
    if (mailbox.first_held_uid && uid >= *mailbox.first_held_uid) {
      found.missing.push_back(uid);
      continue;
    }
    const auto stored = read_for_change(store.kv(), batch, kMessage, message_key(mailbox.record.id, uid));
    if (!stored) return std::unexpected(stored.error());
    if (!*stored) {
      found.missing.push_back(uid);
      continue;
    }
    auto record = record::decode_message_record(**stored);
    if (!record) {
      return fail(record.error().fault, "message " + std::to_string(uid) + " of mailbox '" + mailbox.name +
                                            "': " + record.error().text);
    }
    found.messages.push_back({uid, std::move(*record)});
  }
  return found;
}

Result<Registry::Given> take_out(Store& store, Kv::Batch& batch, std::string_view mailbox,
                                 const std::vector<FoundMessage>& messages, Change& change) {
  const auto stored = read_for_change(store.kv(), batch, kMailbox, std::string(mailbox));
  if (!stored) return std::unexpected(stored.error());
  if (!*stored) return no_mailbox(mailbox);
  auto record = record::decode_mailbox_record(**stored);
  if (!record) return std::unexpected(record.error());
  const auto given = store.registry().give(batch, mailbox, {}, Registry::Missing::refuse, 0, change);
  if (!given) return given;
  if (given->mailbox != record->id) return no_mailbox(mailbox);  // made again in the meantime
  std::vector<Uid> uids;
  for (const auto& one : messages) {
    uids.push_back(one.uid);
    batch.remove(kMessage, message_key(record->id, one.uid));
    batch.remove(kChange, changed_key(record->id, one.record.modseq, one.uid));
  }
  batch.put(kChange, vanished_key(record->id, given->modseq), record::encode_uids(uids));
  ++record->vanished_rows;
  // What was given stays given, also when the last message goes: after a restart only the floors tell.
  record->uid_floor = std::max(record->uid_floor, given->first_uid);
  record->modseq_floor = std::max(record->modseq_floor, given->modseq + 1);
  if (auto done = forget_vanished(store, batch, *record); !done) return std::unexpected(done.error());
  batch.put(kMailbox, std::string(mailbox), encode(*record));
  return given;
}

}  // namespace hikyaku::store
