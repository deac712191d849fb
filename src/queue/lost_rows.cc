#include "queue/lost_rows.h"

#include <map>
#include <utility>

#include "base/varint.h"
#include "queue/due_key.h"
#include "queue/spaces.h"

namespace hikyaku::queue {
namespace {

constexpr std::size_t kRowsAtOnce = 256;  // bodies among them

class Settlement {
 public:
  Settlement(Kv& kv, const Blob& blob, const std::set<Kv::Space>& damaged)
      : kv_(kv), blob_(blob), damaged_(damaged) {}

  Result<SettledRows> run() {
    for (const auto step : {&Settlement::entries, &Settlement::due_rows, &Settlement::bodies}) {
      if (auto done = (this->*step)(); !done) return std::unexpected(done.error());
    }
    for (auto& [id, entry] : lost_) settled_.lost.push_back(std::move(entry));
    return std::move(settled_);
  }

 private:
  Result<void> entries() {
    return each_row(kEntry, [&](const std::string& key, const std::string& value) -> Result<void> {
      const auto entry = record::decode_queue_entry(value);
      if (!entry) return {};  // the queue tells when it comes to it
      return check(key, *entry);
    });
  }
  Result<void> check(const std::string& key, const record::QueueEntry& entry);
  Result<void> due_rows();
  Result<void> bodies();
  Result<std::string> body_fault(const record::QueueEntry& entry) const;

  void lost(record::QueueId id, LostEntry entry) { lost_.try_emplace(id, std::move(entry)); }
  template <class Each>
  Result<void> each_row(Kv::Space space, Each each) {
    for (std::string from;;) {
      const auto rows = kv_.scan(space, from, {}, kRowsAtOnce);
      if (!rows) return std::unexpected(rows.error());
      for (const auto& [key, value] : *rows) {
        if (auto done = each(key, value); !done) return done;
      }
      if (!batch_.empty()) {
        auto done = kv_.commit(std::exchange(batch_, {}), Kv::Durability::synced);
        if (!done) return done;
      }
      if (rows->size() < kRowsAtOnce) return {};
      from = rows->back().first + '\0';
    }
  }

  Kv& kv_;
  const Blob& blob_;
  const std::set<Kv::Space>& damaged_;
  Kv::Batch batch_;
  std::map<record::QueueId, LostEntry> lost_;
  SettledRows settled_;
};

Result<void> Settlement::check(const std::string& key, const record::QueueEntry& entry) {
  const auto due = kv_.get(kDue, due_key(entry));
  if (!due) return std::unexpected(due.error());
  const auto fault = body_fault(entry);
  if (!fault) return std::unexpected(fault.error());
  const bool done = !*due && !damaged_.contains(kDue);
  if (fault->empty() && !done) {
    if (*due) return {};
    std::string size;
    put_varint(size, entry.size);
    batch_.put(kDue, due_key(entry), std::move(size));
    settled_.changed.push_back(entry.id.text() + ": when it is to be tried was lost, and is known again");
    return {};
  }
  batch_.remove(kEntry, key);
  if (*due) batch_.remove(kDue, due_key(entry));
  if (entry.blob.empty()) batch_.remove(kBody, key);
  if (done) {
    settled_.changed.push_back(entry.id.text() + ": it had been done, and was there again; it is removed");
    return {};
  }
  LostEntry gone;
  gone.id = entry.id;
  gone.sender = entry.sender.null() ? "<>" : entry.sender.text();
  for (const auto& recipient : entry.recipients) {
    if (recipient.state == record::RecipientState::pending)
      gone.recipients.push_back(recipient.address.text());
  }
  settled_.changed.push_back(entry.id.text() +
                             ": it is not sent, for its body is lost, or it had been done: " + *fault);
  lost(entry.id, std::move(gone));
  return {};
}

Result<void> Settlement::due_rows() {
  return each_row(kDue, [&](const std::string& key, const std::string&) -> Result<void> {
    const std::string_view octets = key;
    const auto half = octets.size() / 2;
    const auto id = record::QueueId::from_key(octets.substr(half));
    if (!id) return {};  // the queue tells when it opens
    const auto stored = kv_.get(kEntry, id->key());
    if (!stored) return std::unexpected(stored.error());
    const auto entry = *stored ? record::decode_queue_entry(**stored)
                               : Result<record::QueueEntry>(fail(Fault::not_found, {}));
    if (entry ? due_key(*entry) == key : entry.error().fault != Fault::not_found) return {};
    batch_.remove(kDue, key);
    if (!*stored && damaged_.contains(kEntry)) lost(*id, {*id, {}, {}});
    return {};
  });
}

Result<void> Settlement::bodies() {
  if (damaged_.empty()) return {};
  return each_row(kBody, [&](const std::string& key, const std::string&) -> Result<void> {
    const auto entry = kv_.get(kEntry, key);
    if (!entry) return std::unexpected(entry.error());
    if (!*entry) batch_.remove(kBody, key);
    return {};
  });
}

/// Empty: it is whole.
Result<std::string> Settlement::body_fault(const record::QueueEntry& entry) const {
  if (!entry.blob.empty()) {
    auto good = check_blob_size(blob_, entry.blob, entry.size);
    if (good) good = blob_.verify(entry.blob);
    return good ? std::string() : good.error().text;
  }
  const auto body = kv_.get(kBody, entry.id.key());
  if (!body) return std::unexpected(body.error());
  if (!*body) return std::string("it is missing");
  if ((*body)->size() == entry.size) return std::string();
  return "it has " + std::to_string((*body)->size()) + " octets of " + std::to_string(entry.size);
}

}  // namespace

Result<SettledRows> settle_lost_rows(Kv& kv, const Blob& blob, const std::set<Kv::Space>& damaged) {
  return Settlement(kv, blob, damaged).run();
}

}  // namespace hikyaku::queue
