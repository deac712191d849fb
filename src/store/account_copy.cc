#include "store/account_copy.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "base/varint.h"
#include "store/account_rows.h"
#include "store/bodies.h"
#include "store/keys.h"
#include "store/registry.h"
#include "store/scan_all.h"
#include "store/usage.h"

namespace hikyaku::store {
namespace {

constexpr std::size_t kRows = 200;                          // of messages, of one read
constexpr std::size_t kCopyPiece = std::size_t{256} << 10;  // of a large body

std::string blob_name(std::string_view body_key) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string name = "move-";
  for (const char c : body_key) {
    const auto octet = static_cast<unsigned char>(c);
    name += kHex[octet >> 4U];
    name += kHex[octet & 15U];
  }
  return name;
}

class Copier {
 public:
  Copier(MoveEnd& from, MoveEnd& to, std::string_view account, const AccountMove::Progress& progress)
      : from_(from), to_(to), account_(account), progress_(progress), out_(to) {}

  Result<AccountMove::Counts> run() {
    const auto usage = usage_of(from_.store, account_);
    if (!usage) return std::unexpected(usage.error());
    all_ = static_cast<std::uint64_t>(std::max<std::int64_t>(usage->messages, 0));
    for (const auto step :
         {&Copier::boxes, &Copier::removed_boxes, &Copier::deliveries, &Copier::account_rows}) {
      if (auto done = (this->*step)(); !done) return std::unexpected(done.error());
    }
    if (auto done = flush(); !done) return std::unexpected(done.error());
    return counts_;
  }

 private:
  Result<void> boxes();
  Result<void> removed_boxes();
  Result<void> contents(std::uint32_t from, std::uint32_t to, const std::string& name);
  Result<void> vanished(std::uint32_t from, std::uint32_t to);
  Result<void> messages(std::uint32_t from, std::uint32_t to, const std::string& name);
  Result<void> removed_messages(std::uint32_t from, std::uint32_t to, const std::string& name);
  Result<void> deliveries();
  Result<void> account_rows();

  /// The record as the target has it, with its body there.
  Result<void> bring_body(record::MessageRecord& record, const std::string& key);
  Result<void> copy_body(record::MessageRecord& record, const std::string& key);
  Result<void> copy_blob(record::MessageRecord& record, const std::string& key);
  Result<void> flush_when_full() { return out_.full() ? flush() : Result<void>(); }
  Result<void> flush() {
    for (const auto& [key, count] : references_) out_.put(kReferences, key, count_value(count));
    references_.clear();
    moved_.clear();
    return out_.flush();
  }

  MoveEnd& from_;
  MoveEnd& to_;
  const std::string account_;
  const AccountMove::Progress& progress_;
  BatchedWriter out_;
  std::map<std::uint32_t, std::uint32_t> ids_;       // of mailboxes: there, here
  std::map<std::string, std::string> moved_;         // keys of shared bodies, of this batch
  std::map<std::string, std::uint64_t> references_;  // of bodies here, of this batch
  record::Usage used_;                               // of one mailbox
  AccountMove::Counts counts_;
  std::uint64_t all_ = 0;
};

Result<void> Copier::boxes() {
  const auto boxes = boxes_of(from_.store.kv(), account_);
  if (!boxes) return std::unexpected(boxes.error());
  auto id = to_.store.registry().new_ids(static_cast<std::uint32_t>(boxes->size()));
  for (const auto& [name, record] : *boxes) {
    const auto next_uid = from_.store.registry().seek_next_uid(record);
    if (!next_uid) return std::unexpected(next_uid.error());
    const auto next_modseq = from_.store.registry().seek_next_modseq(record);
    if (!next_modseq) return std::unexpected(next_modseq.error());
    auto moved = record;
    moved.id = id;
    moved.uid_floor = *next_uid;
    moved.modseq_floor = *next_modseq;
    out_.put(kMailbox, name, encode(moved));
    ids_[record.id] = id;
    ++counts_.mailboxes;
    used_ = {};
    if (auto done = contents(record.id, id, name); !done) return done;
    if (used_ != record::Usage{}) out_.put(kAccount, usage_key(account_, id, 0), encode(used_));
    ++id;
  }
  return {};
}

Result<void> Copier::removed_boxes() {
  auto boxes = removed_boxes_of(from_.store.kv(), account_);
  if (!boxes) return std::unexpected(boxes.error());
  auto id = to_.store.registry().new_ids(static_cast<std::uint32_t>(boxes->size()));
  for (auto& removed : *boxes) {
    const auto old = removed.mailbox.id;
    removed.mailbox.id = id;
    out_.put(kRemoved, removed_mailbox_key(id), encode(removed));
    ids_[old] = id;
    if (auto done = contents(old, id, removed.name); !done) return done;
    ++id;
  }
  return {};
}

Result<void> Copier::contents(std::uint32_t from, std::uint32_t to, const std::string& name) {
  if (auto done = vanished(from, to); !done) return done;
  if (auto done = messages(from, to, name); !done) return done;
  return removed_messages(from, to, name);
}

Result<void> Copier::vanished(std::uint32_t from, std::uint32_t to) {
  return scan_all(from_.store.kv(), kChange, vanished_prefix(from), prefix_end(vanished_prefix(from)),
                  [&](const std::string& key, const std::string& value) -> Result<void> {
                    const auto place = change_place_of(key);
                    if (!place) return unreadable("the key of a change");
                    out_.put(kChange, vanished_key(to, place->modseq), value);
                    return flush_when_full();
                  });
}

Result<void> Copier::messages(std::uint32_t from, std::uint32_t to, const std::string& name) {
  for (std::uint32_t next = 0;;) {
    const auto rows = from_.store.kv().scan(kMessage, message_key(from, next), mailbox_end(from), kRows);
    if (!rows) return std::unexpected(rows.error());
    for (const auto& [key, value] : *rows) {
      const auto uid = uid_of(key);
      if (!uid) return unreadable("the key of a message");
      auto record = record::decode_message_record(value);
      if (!record)
        return fail(record.error().fault, "message " + std::to_string(*uid) + " of mailbox '" + name +
                                              "': " + record.error().text + "; hikyaku store verify");
      auto here = message_key(to, *uid);
      if (auto done = bring_body(*record, here); !done)
        return fail(done.error().fault,
                    "message " + std::to_string(*uid) + " of mailbox '" + name + "': " + done.error().text);
      // Those of before there were MODSEQs have no row.
      if (record->modseq > 1) out_.put(kChange, changed_key(to, record->modseq, *uid), {});
      const auto size = record->prefix.size() + record->body_size;
      out_.put(kMessage, std::move(here), encode(*record));
      used_ += record::usage_of_message(*record);
      ++counts_.messages;
      counts_.octets += size;
      next = *uid + 1;
      if (auto done = flush_when_full(); !done) return done;
    }
    progress_(counts_.messages, std::max(all_, counts_.messages));
    if (rows->size() < kRows) return {};
  }
}

Result<void> Copier::removed_messages(std::uint32_t from, std::uint32_t to, const std::string& name) {
  const auto end = prefix_end(std::string(kRemovedMessages) + big_endian(from));
  for (std::uint32_t next = 0;;) {
    const auto rows = from_.store.kv().scan(kRemoved, removed_key(from, next), end, kRows);
    if (!rows) return std::unexpected(rows.error());
    for (const auto& [key, value] : *rows) {
      const auto uid = uid_of(std::string_view(key).substr(kRemovedMessages.size()));
      if (!uid) return unreadable("the key of a removed message");
      auto removed = record::decode_removed_message(value);
      if (!removed) return std::unexpected(removed.error());
      if (auto done = bring_body(removed->message, message_key(to, *uid)); !done)
        return fail(done.error().fault, "removed message " + std::to_string(*uid) + " of mailbox '" + name +
                                            "': " + done.error().text);
      out_.put(kRemoved, removed_key(to, *uid), encode(*removed));
      out_.put(kRemoved, removal_key(removed->removed, to, *uid), {});
      ++counts_.removed;
      next = *uid + 1;
      if (auto done = flush_when_full(); !done) return done;
    }
    if (rows->size() < kRows) return {};
  }
}

Result<void> Copier::bring_body(record::MessageRecord& record, const std::string& key) {
  if (!record.shared) return copy_body(record, key);
  const auto& kv = to_.store.kv();
  const auto mark = moved_body_key(account_, record.body_key);
  std::optional<std::string> known;
  if (const auto at = moved_.find(record.body_key); at != moved_.end()) {
    known = at->second;
  } else {
    auto stored = kv.get(kMeta, mark);
    if (!stored) return std::unexpected(stored.error());
    known = std::move(*stored);
  }
  if (!known) {
    moved_[record.body_key] = key;
    out_.put(kMeta, mark, key);
    references_[key] = 1;
    return copy_body(record, key);
  }
  if (!references_.contains(*known)) {
    const auto stored = kv.get(kReferences, *known);
    if (!stored) return std::unexpected(stored.error());
    std::string_view octets = *stored ? std::string_view(**stored) : std::string_view();
    const auto count = take_varint(octets);
    if (!count) return unreadable("the count of a body's references");
    references_[*known] = *count;
  }
  ++references_[*known];
  record.body_key = *known;
  if (!record.blob.empty()) record.blob = blob_name(*known);
  return {};
}

/// `key` is that of the message that has it first: it is never given again.
Result<void> Copier::copy_body(record::MessageRecord& record, const std::string& key) {
  const auto& kv = from_.store.kv();
  auto envelope = kv.get(kEnvelope, record.body_key);
  if (!envelope) return std::unexpected(envelope.error());
  if (*envelope) out_.put(kEnvelope, key, std::move(**envelope));
  if (!record.blob.empty()) return copy_blob(record, key);
  auto body = kv.get(kBody, record.body_key);
  if (!body) return std::unexpected(body.error());
  if (!*body || (*body)->size() != record.body_size)
    return fail(Fault::corrupt, "its body is missing or cut: hikyaku store verify");
  out_.put(kBody, key, std::move(**body));
  record.body_key = key;
  return {};
}

Result<void> Copier::copy_blob(record::MessageRecord& record, const std::string& key) {
  // Or the copy would have a good checksum of what is not right any more.
  if (auto good = from_.blob.verify(record.blob); !good) return good;
  auto name = blob_name(key);
  auto writer = to_.blob.put(name);
  if (!writer) return std::unexpected(std::move(writer.error()));
  for (std::uint64_t offset = 0; offset < record.body_size;) {
    const auto piece = from_.blob.get(record.blob, offset, kCopyPiece);
    if (!piece) return std::unexpected(piece.error());
    if (piece->empty())
      return fail(Fault::corrupt,
                  "its body ends at octet " + std::to_string(offset) + ": hikyaku store verify");
    if (auto written = (*writer)->write(*piece); !written) return written;
    offset += piece->size();
  }
  if (auto finished = (*writer)->finish(); !finished) return finished;
  out_.put(kFile, name, count_value(record.body_size));
  record.blob = std::move(name);
  record.body_key = key;
  return {};
}

/// Those of messages that are gone too: the queue may still have the mail.
Result<void> Copier::deliveries() {
  return scan_all(from_.store.kv(), kDelivery, {}, {},
                  [&](const std::string& key, const std::string& value) -> Result<void> {
                    const auto place = place_of(value);
                    const auto id = place ? ids_.find(place->mailbox) : ids_.end();
                    if (id == ids_.end()) return {};
                    out_.put(kDelivery, key, message_key(id->second, place->uid));
                    return flush_when_full();
                  });
}

/// Quota and subscriptions as they are; what it uses is counted anew.
Result<void> Copier::account_rows() {
  const auto prefix = account_prefix(account_);
  const auto used = usage_key(account_);
  return scan_all(from_.store.kv(), kAccount, prefix, prefix_end(prefix),
                  [&](const std::string& key, const std::string& value) -> Result<void> {
                    if (key.starts_with(used)) return {};
                    out_.put(kAccount, key, value);
                    return flush_when_full();
                  });
}

}  // namespace

Result<AccountMove::Counts> copy_account(MoveEnd& from, MoveEnd& to, std::string_view account,
                                         const AccountMove::Progress& progress) {
  return Copier(from, to, account, progress).run();
}

}  // namespace hikyaku::store
