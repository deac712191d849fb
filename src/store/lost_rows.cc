#include "store/lost_rows.h"

#include <algorithm>
#include <map>
#include <unordered_map>
#include <utility>

#include "record/envelope.h"
#include "record/mailbox_rows.h"
#include "store/keys.h"
#include "store/scan_all.h"

namespace hikyaku::store {
namespace {

constexpr std::size_t kWritesAtOnce = 1000;
constexpr std::size_t kBodiesAtOnce = 64;
constexpr std::size_t kHeaderRead = 65536;  // octets of a body

class Settlement {
 public:
  Settlement(Kv& kv, const Blob& blob, const std::set<Kv::Space>& damaged)
      : kv_(kv), blob_(blob), damaged_(damaged) {}

  Result<SettledRows> run() {
    if (auto named = mailboxes(); !named) return std::unexpected(named.error());
    for (std::uint64_t from = 0;;) {
      const auto id = next_mailbox(from);
      if (!id) return std::unexpected(id.error());
      if (!*id) break;
      if (auto done = mailbox(**id); !done) return std::unexpected(done.error());
      from = std::uint64_t{**id} + 1;
    }
    if (auto done = removed_messages(); !done) return std::unexpected(done.error());
    if (auto done = loose_bodies(); !done) return std::unexpected(done.error());
    if (auto done = flush(0); !done) return std::unexpected(done.error());
    return std::move(settled_);
  }

 private:
  /// What the rows of changes say of a mailbox; both sorted by UID.
  struct Told {
    std::vector<std::pair<Uid, ModSeq>> changed;
    std::vector<Uid> vanished;
    ModSeq last_change(Uid uid) const {  // 0: nothing is told of it
      const auto at = std::ranges::lower_bound(changed, std::pair(uid + 1, ModSeq{0}));
      return at == changed.begin() || std::prev(at)->first != uid ? 0 : std::prev(at)->second;
    }
    bool has_vanished(Uid uid) const { return std::ranges::binary_search(vanished, uid); }
  };

  Result<void> mailboxes();
  Result<std::optional<std::uint32_t>> next_mailbox(std::uint64_t from) const;
  Result<void> mailbox(std::uint32_t id);
  Result<Told> told_of(std::uint32_t id) const;
  Result<void> message(std::uint32_t id, Uid uid, const std::string& value, const Told& told);
  Result<void> missing(std::uint32_t id, const Told& told);
  Result<void> removed_messages();
  Result<void> loose_bodies();
  Result<std::string> body_fault(const record::MessageRecord& message);
  Result<LostMessage> describe(Uid uid, const std::string& body_key) const;
  Result<bool> is_removed(std::uint32_t id, Uid uid) const;

  void lost(std::uint32_t id, LostMessage message) {
    const auto name = name_of(id);
    const auto uid = message.uid;
    auto& all = settled_.lost;
    if (all.empty() || all.back().mailbox != name || all.back().last + 1 != uid)
      all.push_back({name, uid, uid, {}});
    all.back().last = uid;
    all.back().known.push_back(std::move(message));
  }
  void changed(std::uint32_t id, Uid uid, std::string text) {
    settled_.changed.push_back({name_of(id), uid, std::move(text)});
  }
  std::string name_of(std::uint32_t id) const {
    const auto name = names_.find(id);
    return name == names_.end() ? "mailbox number " + std::to_string(id) : name->second;
  }
  bool whole(Kv::Space space) const { return !damaged_.contains(space); }
  Result<void> flush(std::size_t at_least) {
    if (batch_.empty() || batch_.writes.size() < at_least) return {};
    return kv_.commit(std::exchange(batch_, {}), Kv::Durability::synced);
  }

  Kv& kv_;
  const Blob& blob_;
  const std::set<Kv::Space>& damaged_;
  Kv::Batch batch_;
  std::map<std::uint32_t, std::string> names_;
  std::unordered_map<std::string, std::string> verified_;  // blobs, with what is wrong
  SettledRows settled_;
};

/// A removal or a new name that is lost lets the mailbox stand there twice.
Result<void> Settlement::mailboxes() {
  auto rows =
      scan_all(kv_, kMailbox, {}, {}, [&](const std::string& name, const std::string& value) -> Result<void> {
        const auto record = record::decode_mailbox_record(value);
        if (!record) return {};  // check() names it
        const auto [at, fresh] = names_.try_emplace(record->id, name);
        if (fresh) return {};
        batch_.remove(kMailbox, name);
        settled_.changed.push_back(
            {name, 0, "it was the same mailbox as " + at->second + ", which has its mail"});
        return {};
      });
  if (!rows) return rows;
  const std::string from(kRemovedMailboxes);
  return scan_all(kv_, kRemoved, from, prefix_end(from),
                  [&](const std::string& key, const std::string& value) -> Result<void> {
                    const auto removed = record::decode_removed_mailbox(value);
                    if (!removed || names_.try_emplace(removed->mailbox.id, removed->name).second) return {};
                    batch_.remove(kRemoved, key);
                    settled_.changed.push_back(
                        {name_of(removed->mailbox.id), 0, "it was removed, or put back; it is there"});
                    return {};
                  });
}

/// The lowest number from `from` on of which there is a message or a change.
Result<std::optional<std::uint32_t>> Settlement::next_mailbox(std::uint64_t from) const {
  std::optional<std::uint32_t> lowest;
  if (from > UINT32_MAX) return lowest;
  for (const auto space : {kMessage, kChange}) {
    const auto rows = kv_.scan(space, big_endian(static_cast<std::uint32_t>(from)), {}, 1);
    if (!rows) return std::unexpected(rows.error());
    if (rows->empty()) continue;
    std::string_view key = rows->front().first;
    const auto id = take_big_endian<std::uint32_t>(key);
    if (id && (!lowest || *id < *lowest)) lowest = *id;
  }
  return lowest;
}

Result<Settlement::Told> Settlement::told_of(std::uint32_t id) const {
  Told told;
  auto rows = scan_all(kv_, kChange, big_endian(id), mailbox_end(id),
                       [&](const std::string& key, const std::string& value) -> Result<void> {
                         const auto place = change_place_of(key);
                         if (!place) return {};
                         if (place->kind == 'c') {
                           told.changed.emplace_back(place->uid, place->modseq);
                         } else if (const auto uids = record::decode_uids(value)) {
                           told.vanished.insert(told.vanished.end(), uids->begin(), uids->end());
                         }
                         return {};
                       });
  if (!rows) return std::unexpected(rows.error());
  std::ranges::sort(told.changed);
  std::ranges::sort(told.vanished);
  return told;
}

Result<void> Settlement::mailbox(std::uint32_t id) {
  const auto told = told_of(id);
  if (!told) return std::unexpected(told.error());
  auto rows = scan_all(kv_, kMessage, big_endian(id), mailbox_end(id),
                       [&](const std::string& key, const std::string& value) -> Result<void> {
                         const auto uid = uid_of(key);
                         if (!uid) return {};
                         if (auto done = message(id, *uid, value, *told); !done) return done;
                         return flush(kWritesAtOnce);
                       });
  if (!rows) return rows;
  return missing(id, *told);
}

Result<void> Settlement::message(std::uint32_t id, Uid uid, const std::string& value, const Told& told) {
  const auto record = record::decode_message_record(value);
  if (!record) return {};  // check() names it
  const auto drop = [&] { batch_.remove(kMessage, message_key(id, uid)); };
  const auto removed = is_removed(id, uid);
  if (!removed) return std::unexpected(removed.error());
  const auto last = told.last_change(uid);
  // Each message has a row of its last change, but those of before there were such.
  const bool forgotten = last == 0 && record->modseq > 1 && whole(kChange);
  if (!whole(kMessage) && (told.has_vanished(uid) || *removed || forgotten)) {
    drop();
    changed(id, uid, "it had been removed, and was there again; it is removed");
    return {};
  }
  const auto fault = body_fault(*record);
  if (!fault) return std::unexpected(fault.error());
  if (!fault->empty()) {
    drop();
    auto message = describe(uid, record->body_key);
    if (!message) return std::unexpected(message.error());
    message->sender = record->sender.null() ? "<>" : record->sender.text();
    message->received = record->received;
    message->size = record->prefix.size() + record->body_size;
    lost(id, std::move(*message));
    changed(id, uid,
            (whole(kMessage) ? "its body is lost: " : "its body is lost, or it had been removed: ") + *fault);
    return {};
  }
  if (last > record->modseq) changed(id, uid, "its flags may be as they were before their last change");
  return {};
}

/// Messages that the rows of changes tell of, and that are not there.
Result<void> Settlement::missing(std::uint32_t id, const Told& told) {
  if (whole(kMessage)) return {};
  Uid before = 0;
  for (const auto& [uid, modseq] : told.changed) {
    if (std::exchange(before, uid) == uid || told.has_vanished(uid)) continue;
    const auto stored = kv_.get(kMessage, message_key(id, uid));
    if (!stored) return std::unexpected(stored.error());
    const auto removed = is_removed(id, uid);
    if (!removed) return std::unexpected(removed.error());
    if (*stored || *removed) continue;
    auto message = describe(uid, message_key(id, uid));
    if (!message) return std::unexpected(message.error());
    lost(id, std::move(*message));
  }
  return {};
}

Result<bool> Settlement::is_removed(std::uint32_t id, Uid uid) const {
  const auto row = kv_.get(kRemoved, removed_key(id, uid));
  if (!row) return std::unexpected(row.error());
  return row->has_value();
}

/// Bodies of lost messages: a body's key is the place of the first message that had it.
Result<void> Settlement::loose_bodies() {
  if (whole(kMessage)) return {};
  if (auto done = flush(0); !done) return done;
  std::map<std::string, LostMessage> loose;
  const auto note = [&](const std::string& key, const std::string& body) -> Result<void> {
    const auto place = place_of(key);
    if (!place) return {};
    const auto stored = kv_.get(kMessage, key);
    if (!stored) return std::unexpected(stored.error());
    const auto record = *stored ? record::decode_message_record(**stored)
                                : Result<record::MessageRecord>(fail(Fault::not_found, {}));
    if (record && record->body_key == key) return {};
    const auto envelope = record::summarize(std::string_view(body).substr(0, kHeaderRead));
    LostMessage message;
    message.uid = place->uid;
    message.sender = envelope[record::Envelope::from].value;
    message.subject = envelope[record::Envelope::subject].value;
    message.size = body.size();
    loose.emplace(key, std::move(message));
    return {};
  };
  for (std::string from;;) {
    const auto rows = kv_.scan(kBody, from, {}, kBodiesAtOnce);
    if (!rows) return std::unexpected(rows.error());
    for (const auto& [key, body] : *rows) {
      if (auto done = note(key, body); !done) return done;
    }
    if (rows->size() < kBodiesAtOnce) break;
    from = rows->back().first + '\0';
  }
  if (loose.empty()) return {};
  // Others may have it: who got the same mail, and copies.
  auto rows =
      scan_all(kv_, kMessage, {}, {}, [&](const std::string&, const std::string& value) -> Result<void> {
        if (const auto record = record::decode_message_record(value)) loose.erase(record->body_key);
        return {};
      });
  if (!rows) return rows;
  const std::string from(kRemovedMessages);
  rows = scan_all(kv_, kRemoved, from, prefix_end(from),
                  [&](const std::string&, const std::string& value) -> Result<void> {
                    if (const auto removed = record::decode_removed_message(value))
                      loose.erase(removed->message.body_key);
                    return {};
                  });
  if (!rows) return rows;
  std::optional<std::uint32_t> mailbox;
  Told told;
  for (auto& [key, message] : loose) {
    const auto id = place_of(key)->mailbox;
    if (mailbox != id) {
      auto read = told_of(id);
      if (!read) return std::unexpected(read.error());
      told = std::move(*read);
      mailbox = id;
    }
    const bool removed =
        told.has_vanished(message.uid) || (whole(kChange) && told.last_change(message.uid) == 0);
    settled_.loose_bodies.push_back({key, removed});
    if (!removed) lost(id, std::move(message));
  }
  return {};
}

/// Without its body one of these could not be put back.
Result<void> Settlement::removed_messages() {
  const std::string from(kRemovedMessages);
  return scan_all(kv_, kRemoved, from, prefix_end(from),
                  [&](const std::string& key, const std::string& value) -> Result<void> {
                    const auto place = place_of(std::string_view(key).substr(kRemovedMessages.size()));
                    const auto removed = record::decode_removed_message(value);
                    if (!place || !removed) return {};  // check() names it
                    const auto fault = body_fault(removed->message);
                    if (!fault) return std::unexpected(fault.error());
                    if (fault->empty()) return {};
                    batch_.remove(kRemoved, key);
                    batch_.remove(kRemoved, removal_key(removed->removed, place->mailbox, place->uid));
                    changed(place->mailbox, place->uid, "it was removed, and can't be put back: " + *fault);
                    return flush(kWritesAtOnce);
                  });
}

/// Empty: it is whole.
Result<std::string> Settlement::body_fault(const record::MessageRecord& message) {
  if (message.blob.empty()) {
    const auto body = kv_.get(kBody, message.body_key);
    if (!body) return std::unexpected(body.error());
    if (!*body) return std::string("it is missing");
    if ((*body)->size() == message.body_size) return std::string();
    return "it has " + std::to_string((*body)->size()) + " octets of " + std::to_string(message.body_size);
  }
  constexpr std::size_t kMostKept = 100'000;
  if (verified_.size() > kMostKept) verified_.clear();
  const auto [at, fresh] = verified_.try_emplace(message.blob);
  if (fresh) {
    auto good = check_blob_size(blob_, message.blob, message.body_size);
    if (good) good = blob_.verify(message.blob);
    if (!good) at->second = good.error().text;
  }
  return at->second;
}

Result<LostMessage> Settlement::describe(Uid uid, const std::string& body_key) const {
  LostMessage message;
  message.uid = uid;
  const auto stored = kv_.get(kEnvelope, body_key);
  if (!stored) return std::unexpected(stored.error());
  const auto envelope =
      *stored ? record::decode_envelope(**stored) : Result<record::Envelope>(fail(Fault::not_found, {}));
  if (!envelope) return message;
  message.sender = (*envelope)[record::Envelope::from].value;
  message.subject = (*envelope)[record::Envelope::subject].value;
  return message;
}

}  // namespace

Result<SettledRows> settle_lost_rows(Kv& kv, const Blob& blob, const std::set<Kv::Space>& damaged) {
  return Settlement(kv, blob, damaged).run();
}

std::string between_messages(const Kv& kv, std::string_view after, std::string_view until) {
  const auto first = place_of(after), last = place_of(until);
  const auto shown = [&](const std::optional<MessagePlace>& place) {
    if (!place) return std::string("?");
    auto name = "mailbox number " + std::to_string(place->mailbox);
    const auto rows =
        scan_all(kv, kMailbox, {}, {}, [&](const std::string& key, const std::string& value) -> Result<void> {
          const auto record = record::decode_mailbox_record(value);
          if (record && record->id == place->mailbox) name = key;
          return {};
        });
    (void)rows;  // then it is told by its number
    return name + ", UID " + std::to_string(place->uid);
  };
  if (first && last && first->mailbox == last->mailbox)
    return shown(first) + " to " + std::to_string(last->uid);
  return shown(first) + " to " + shown(last);
}

Result<void> forget_vanished(Kv& kv) {
  Kv::Batch batch;
  auto rows =
      scan_all(kv, kMailbox, {}, {}, [&](const std::string& name, const std::string& value) -> Result<void> {
        auto record = record::decode_mailbox_record(value);
        if (!record) return {};  // check() names it
        record->vanished_floor = std::max(record->vanished_floor, record->modseq_floor - 1);
        batch.put(kMailbox, name, encode(*record));
        return {};
      });
  if (!rows || batch.empty()) return rows;
  return kv.commit(std::move(batch), Kv::Durability::synced);
}

}  // namespace hikyaku::store
