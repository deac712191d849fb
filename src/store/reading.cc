#include <algorithm>
#include <utility>

#include "store/keys.h"
#include "store/registry.h"
#include "store/scan_all.h"
#include "store/store.h"

namespace hikyaku::store {
namespace {

constexpr std::size_t kSummaryRows = 4096;

Result<Store::Mailbox> describe(const Registry& registry, const Registry::Mailbox& found) {
  auto next_uid = found.next_uid ? Result<Uid>(*found.next_uid) : registry.seek_next_uid(found.record);
  if (!next_uid) return std::unexpected(next_uid.error());
  auto next_modseq =
      found.next_modseq ? Result<ModSeq>(*found.next_modseq) : registry.seek_next_modseq(found.record);
  if (!next_modseq) return std::unexpected(next_modseq.error());
  return Store::Mailbox{found.name,
                        found.record.id,
                        found.record.uid_validity,
                        *next_uid,
                        found.first_held_modseq.value_or(*next_modseq) - 1,
                        found.record.selectable};
}

Result<record::MessageRecord> read_record(std::string_view mailbox, Uid uid, std::string_view stored) {
  auto record = record::decode_message_record(stored);
  if (record) return record;
  return fail(record.error().fault, "message " + std::to_string(uid) + " of mailbox '" +
                                        std::string(mailbox) + "': " + record.error().text);
}

}  // namespace

Result<std::vector<Store::Mailbox>> Store::list_mailboxes() const {
  std::vector<Mailbox> all;
  for (const auto& found : registry_->all()) {
    auto mailbox = describe(*registry_, found);
    if (!mailbox) return std::unexpected(mailbox.error());
    all.push_back(std::move(*mailbox));
  }
  return all;
}

Result<Store::Mailbox> Store::find_mailbox(std::string_view name) const {
  const auto found = registry_->find(name);
  if (!found) return std::unexpected(found.error());
  return describe(*registry_, *found);
}

Result<Store::Listing> Store::scan(std::string_view mailbox, Uid from, std::size_t limit) const {
  const auto found = registry_->find(mailbox);
  if (!found) return std::unexpected(found.error());
  const auto id = found->record.id;
  const auto end = found->first_held_uid;
  auto rows = kv_.scan(kMessage, message_key(id, from), end ? message_key(id, *end) : mailbox_end(id), limit);
  if (!rows) return std::unexpected(rows.error());
  Listing listing;
  listing.items.reserve(rows->size());
  for (const auto& [key, value] : *rows) {
    const auto uid = uid_of(key);
    if (!uid) return unreadable("the key of a message");
    auto record = read_record(mailbox, *uid, value);
    if (record) {
      listing.items.push_back({*uid, std::move(*record)});
    } else {
      listing.damaged.push_back({*uid, record.error()});
    }
    listing.next = *uid + 1;
  }
  if (rows->size() < limit) listing.next.reset();
  return listing;
}

Result<Store::Item> Store::find(std::string_view mailbox, Uid uid) const {
  const auto found = registry_->find(mailbox);
  if (!found) return std::unexpected(found.error());
  const auto id = found->record.id;
  const auto end = found->first_held_uid;
  if (end && uid >= *end) return no_message(mailbox, uid);
  auto stored = kv_.get(kMessage, message_key(id, uid));
  if (!stored) return std::unexpected(stored.error());
  if (!*stored) return no_message(mailbox, uid);
  auto record = read_record(mailbox, uid, **stored);
  if (!record) return std::unexpected(record.error());
  return Item{uid, std::move(*record)};
}

Result<Store::Counts> Store::counts(std::string_view mailbox) const {
  if (registry_->of_older_format()) {
    auto sum = summary(mailbox);
    if (!sum) return std::unexpected(sum.error());
    return static_cast<Counts&&>(*sum);
  }
  constexpr int kTries = 5;
  for (int i = 0; i < kTries; ++i) {
    const auto found = registry_->find(mailbox);
    if (!found) return std::unexpected(found.error());
    const auto key = [&](ModSeq modseq) { return usage_key(account_of(mailbox), found->record.id, modseq); };
    const auto base = kv_.get(kAccount, key(0));
    if (!base) return std::unexpected(base.error());
    record::FoldedUsage folded;
    if (*base) {
      const auto stored = record::decode_folded_usage(**base);
      if (!stored) return std::unexpected(stored.error());
      folded = *stored;
    }
    const auto open = registry_->first_open_modseq(found->record.id);
    if (!open) return std::unexpected(open.error());
    auto sum = folded.sum;
    // From there on: to look for those that were folded in takes as long as to read them, while the engine
    // still has the marks of their removal.
    const auto from = std::max<ModSeq>(folded.below, 1);
    if (from < *open) {
      auto rows = scan_all(kv_, kAccount, key(from), key(*open),
                           [&](const std::string&, const std::string& value) -> Result<void> {
                             const auto one = record::decode_usage(value);
                             if (!one) return std::unexpected(one.error());
                             sum += *one;
                             return {};
                           });
      if (!rows) return std::unexpected(rows.error());
    }
    // What was folded in meanwhile may be of changes from `open` on.
    const auto after = kv_.get(kAccount, key(0));
    if (!after) return std::unexpected(after.error());
    if (*after != *base) continue;
    const auto shown = [](std::int64_t value) {
      return static_cast<std::uint64_t>(std::max<std::int64_t>(value, 0));
    };
    return Counts{shown(sum.messages), shown(sum.octets), shown(sum.unseen)};
  }
  return fail(Fault::temporary,
              "count mailbox '" + std::string(mailbox) + "': it is being folded: try again");
}

Result<Store::Summary> Store::summary(std::string_view mailbox) const {
  Summary sum;
  for (std::optional<Uid> from = 1; from;) {
    auto listing = scan(mailbox, *from, kSummaryRows);
    if (!listing) return std::unexpected(listing.error());
    for (const auto& item : listing->items) {
      sum.octets += item.size();
      sum.unseen += item.message.flags.seen ? 0 : 1;
    }
    sum.messages += listing->items.size() + listing->damaged.size();
    sum.damaged += listing->damaged.size();
    from = listing->next;
  }
  return sum;
}

Result<std::string> Store::read(const Item& item, std::uint64_t offset, std::size_t length) const {
  const auto& message = item.message;
  std::string out;
  if (offset < message.prefix.size()) out = message.prefix.substr(static_cast<std::size_t>(offset), length);
  const auto skip = offset > message.prefix.size() ? offset - message.prefix.size() : 0;
  const auto want = length - out.size();
  if (want == 0 || skip >= message.body_size) return out;
  if (!message.blob.empty()) {
    auto part = blob_.get(message.blob, skip, want);
    if (!part) return part;
    return out.empty() ? std::move(*part) : out + *part;
  }
  auto body = kv_.get(kBody, message.body_key);
  if (!body) return std::unexpected(body.error());
  if (!*body || (*body)->size() != message.body_size) {
    return fail(Fault::corrupt, "message " + std::to_string(item.uid) + ": its body is missing or cut");
  }
  return out.append(**body, static_cast<std::size_t>(skip), want);
}

}  // namespace hikyaku::store
