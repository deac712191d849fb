#include "store/account_move.h"

#include <map>
#include <optional>
#include <set>

#include "base/varint.h"
#include "store/bodies.h"
#include "store/keys.h"
#include "store/registry.h"
#include "store/removed.h"
#include "store/scan_all.h"
#include "store/usage.h"

namespace hikyaku::store {
namespace {

constexpr std::size_t kRows = 200;                          // of messages, of one read
constexpr std::size_t kWrites = 1000;                       // of one batch
constexpr std::size_t kOctets = std::size_t{4} << 20;       // of one batch
constexpr std::size_t kCopyPiece = std::size_t{256} << 10;  // of a large body
constexpr int kTries = 20;                                  // of a change that others meet

struct BoxRow {
  std::string name;
  record::MailboxRecord record;
};

Result<std::vector<BoxRow>> boxes_of(const Kv& kv, std::string_view account) {
  std::vector<BoxRow> boxes;
  auto done = each_mailbox_row(kv, account, [&](const std::string& name, const std::string& value) {
    auto record = record::decode_mailbox_record(value);
    if (!record)
      return Result<void>(fail(record.error().fault, "mailbox '" + name + "': " + record.error().text));
    boxes.push_back({name, *record});
    return Result<void>();
  });
  if (!done) return std::unexpected(done.error());
  return boxes;
}

Result<std::vector<record::RemovedMailbox>> removed_boxes_of(const Kv& kv, std::string_view account) {
  std::vector<record::RemovedMailbox> boxes;
  const std::string from(kRemovedMailboxes);
  auto done = scan_all(kv, kRemoved, from, prefix_end(from),
                       [&](const std::string&, const std::string& value) -> Result<void> {
                         auto removed = record::decode_removed_mailbox(value);
                         if (!removed) return std::unexpected(removed.error());
                         if (account_of(removed->name) == account) boxes.push_back(std::move(*removed));
                         return {};
                       });
  if (!done) return std::unexpected(done.error());
  return boxes;
}

/// Puts rows into batches that are committed as they fill.
class BatchedWriter {
 public:
  explicit BatchedWriter(MoveEnd& end) : end_(end) {}
  void put(Kv::Space space, std::string key, std::string value) {
    octets_ += key.size() + value.size();
    batch_.put(space, std::move(key), std::move(value));
  }
  void remove(Kv::Space space, std::string key) { batch_.remove(space, std::move(key)); }
  bool full() const { return batch_.writes.size() >= kWrites || octets_ >= kOctets; }
  Result<void> flush() {
    octets_ = 0;
    if (batch_.empty()) return {};
    return end_.commit(std::exchange(batch_, {}));
  }
  Result<void> flush_when_full() { return full() ? flush() : Result<void>(); }

 private:
  MoveEnd& end_;
  Kv::Batch batch_;
  std::size_t octets_ = 0;
};

/// Removes all rows of a range.
Result<void> remove_range(MoveEnd& end, Kv::Space space, const std::string& from, const std::string& to) {
  BatchedWriter out(end);
  auto done = scan_all(end.store.kv(), space, from, to, [&](const std::string& key, const std::string&) {
    out.remove(space, key);
    return out.flush_when_full();
  });
  return done ? out.flush() : done;
}

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

// ---- Copying

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

// ---- Removing

/// All rows of one account, also when it is not here. What tells of a mailbox goes after what is in it, and
/// the mark last.
class Remover {
 public:
  Remover(MoveEnd& end, const std::string& account) : end_(end), account_(account) {}

  Result<void> run() {
    const auto boxes = boxes_of(kv(), account_);
    if (!boxes) return std::unexpected(boxes.error());
    const auto removed = removed_boxes_of(kv(), account_);
    if (!removed) return std::unexpected(removed.error());
    std::set<std::uint32_t> ids;
    for (const auto& box : *boxes) ids.insert(box.record.id);
    for (const auto& box : *removed) ids.insert(box.mailbox.id);
    for (const auto id : ids) {
      if (auto done = contents(id); !done) return done;
    }
    if (auto done = deliveries(ids); !done) return done;
    const auto prefix = account_prefix(account_);
    if (auto done = remove_range(end_, kAccount, prefix, prefix_end(prefix)); !done) return done;
    const auto bodies = moved_body_prefix(account_);
    if (auto done = remove_range(end_, kMeta, bodies, prefix_end(bodies)); !done) return done;
    BatchedWriter out(end_);
    if (!ids.empty()) out.put(kMeta, std::string(kFloorsKey), encode(end_.store.registry().floors()));
    for (const auto& box : *boxes) {
      out.remove(kMailbox, box.name);
      if (auto done = out.flush_when_full(); !done) return done;
    }
    for (const auto& box : *removed) {
      out.remove(kRemoved, removed_mailbox_key(box.mailbox.id));
      if (auto done = out.flush_when_full(); !done) return done;
    }
    out.remove(kMeta, moved_key(account_));
    return out.flush();
  }

 private:
  const Kv& kv() const { return end_.store.kv(); }
  Result<void> contents(std::uint32_t id) {
    const auto all_messages = [&](Kv::Batch& batch, BodyChanges& bodies) {
      return messages(id, batch, bodies);
    };
    const auto all_removed = [&](Kv::Batch& batch, BodyChanges& bodies) {
      return removed(id, batch, bodies);
    };
    if (auto done = in_steps(all_messages); !done) return done;
    if (auto done = in_steps(all_removed); !done) return done;
    return remove_range(end_, kChange, big_endian(id), prefix_end(big_endian(id)));
  }
  /// Until `compose` finds nothing more. Bodies may be others' too, who change their counts meanwhile.
  template <class Compose>
  Result<void> in_steps(Compose compose) {
    for (int tries = 0;;) {
      Kv::Batch batch;
      BodyChanges bodies(kv(), batch);
      if (auto composed = compose(batch, bodies); !composed) return composed;
      std::vector<std::string> unused;
      bodies.finish(unused);
      if (batch.empty()) return {};
      auto done = end_.commit(std::move(batch));
      if (!done && done.error().fault == Fault::not_found && ++tries < kTries) continue;
      if (!done) return done;
      tries = 0;
      for (const auto& name : unused) {
        if (auto gone = end_.blob.remove(name); !gone) return gone;
      }
    }
  }
  Result<void> messages(std::uint32_t id, Kv::Batch& batch, BodyChanges& bodies) {
    const auto rows = kv().scan(kMessage, message_key(id, 0), mailbox_end(id), kRows);
    if (!rows) return std::unexpected(rows.error());
    for (const auto& [key, value] : *rows) {
      const auto record = record::decode_message_record(value);
      if (!record) return unreadable("a message that was moved");
      batch.remove(kMessage, key);
      if (auto released = bodies.release(*record); !released) return released;
    }
    return {};
  }
  Result<void> removed(std::uint32_t id, Kv::Batch& batch, BodyChanges& bodies) {
    const auto from = std::string(kRemovedMessages) + big_endian(id);
    const auto rows = kv().scan(kRemoved, from, prefix_end(from), kRows);
    if (!rows) return std::unexpected(rows.error());
    for (const auto& [key, value] : *rows) {
      const auto uid = uid_of(std::string_view(key).substr(kRemovedMessages.size()));
      const auto one = record::decode_removed_message(value);
      if (!uid || !one) return unreadable("a removed message that was moved");
      batch.remove(kRemoved, key);
      batch.remove(kRemoved, removal_key(one->removed, id, *uid));
      if (auto released = bodies.release(one->message); !released) return released;
    }
    return {};
  }
  Result<void> deliveries(const std::set<std::uint32_t>& ids) {
    if (ids.empty()) return {};
    BatchedWriter out(end_);
    auto done = scan_all(kv(), kDelivery, {}, {},
                         [&](const std::string& key, const std::string& value) -> Result<void> {
                           const auto place = place_of(value);
                           if (!place || !ids.contains(place->mailbox)) return {};
                           out.remove(kDelivery, key);
                           return out.flush_when_full();
                         });
    return done ? out.flush() : done;
  }

  MoveEnd& end_;
  const std::string account_;
};

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

// ---- The move

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
    if (auto removed = Remover(to_, account_).run(); !removed) return std::unexpected(removed.error());
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
  return Copier(from_, to_, account_, progress_).run();
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
  if (!end.store.registry().is_here(account)) return Remover(end, account).run();
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
