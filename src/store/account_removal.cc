#include "store/account_removal.h"

#include <set>
#include <vector>

#include "store/account_rows.h"
#include "store/bodies.h"
#include "store/keys.h"
#include "store/registry.h"
#include "store/scan_all.h"

namespace hikyaku::store {
namespace {

constexpr std::size_t kRows = 200;  // of messages, of one read
constexpr int kTries = 20;          // of a change that others meet

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

}  // namespace

Result<void> remove_account(MoveEnd& end, const std::string& account) { return Remover(end, account).run(); }

}  // namespace hikyaku::store
