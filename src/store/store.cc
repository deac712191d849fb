#include "store/store.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/varint.h"
#include "store/keys.h"

namespace hikyaku::store {
namespace {

constexpr std::uint64_t kFormat = 1;
constexpr std::string_view kFormatKey = "format";
constexpr std::size_t kScanRows = 4096;

std::unexpected<Error> damaged(const std::string& what) {
  return fail(Fault::corrupt, "mailbox database: " + what + " can't be read");
}
std::unexpected<Error> no_mailbox(std::string_view name) {
  return fail(Fault::not_found, "there is no mailbox '" + std::string(name) + "'");
}
std::unexpected<Error> no_message(std::string_view mailbox, Uid uid) {
  return fail(Fault::not_found,
              "there is no message " + std::to_string(uid) + " in mailbox '" + std::string(mailbox) + "'");
}

std::string number_value(std::uint64_t value) {
  std::string out;
  put_varint(out, value);
  return out;
}

template <class Each>
Result<void> for_all(const Kv& kv, Kv::Space space, std::string from, const std::string& to, Each each) {
  for (;;) {
    auto rows = kv.scan(space, from, to, kScanRows);
    if (!rows) return std::unexpected(rows.error());
    for (const auto& [key, value] : *rows) {
      if (auto result = each(key, value); !result) return result;
    }
    if (rows->size() < kScanRows) return {};
    from = rows->back().first + '\0';
  }
}

}  // namespace

std::vector<KvSpace> spaces(std::chrono::seconds delivery_memory) {
  return {{"mailbox"}, {"message"}, {"body", true}, {"references"}, {"delivery", false, delivery_memory},
          {"meta"}};
}

std::string mailbox_name(const mail::Address& address) {
  auto name = address.local();
  if (!address.has_domain()) return name;
  name += '@';
  for (const char c : address.domain()) name += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return name;
}

// ---- Opening

Result<std::unique_ptr<Store>> Store::open(Kv& kv, Blob& blob) {
  std::unique_ptr<Store> store(new Store(kv, blob));
  if (auto format = store->read_format(); !format) return std::unexpected(format.error());
  if (auto mailboxes = store->read_mailboxes(); !mailboxes) return std::unexpected(mailboxes.error());
  return store;
}

Store::~Store() = default;

Result<void> Store::read_format() {
  auto stored = kv_.get(kMeta, kFormatKey);
  if (!stored) return std::unexpected(stored.error());
  if (!*stored) return {};  // written with the first mailbox: a store may be open for reading only
  std::string_view octets = **stored;
  const auto format = take_varint(octets);
  if (!format) return damaged("its format");
  if (*format > kFormat) {
    return fail(Fault::permanent, "the mailbox database has format " + std::to_string(*format) +
                                      ", this program knows up to " + std::to_string(kFormat) +
                                      ": use the newer hikyaku that wrote it");
  }
  return {};
}

Result<void> Store::read_mailboxes() {
  return for_all(kv_, kMailbox, {}, {},
                 [this](const std::string& name, const std::string& value) -> Result<void> {
                   auto record = record::decode_mailbox_record(value);
                   if (!record)
                     return fail(record.error().fault, "mailbox '" + name + "': " + record.error().text);
                   last_mailbox_ = std::max(last_mailbox_, record->id);
                   by_name_[name] = record->id;
                   boxes_[record->id] = Box{name, *record, true, {}, {}};
                   return {};
                 });
}

/// The UID after the last one, by halving: the port reads forwards only.
Result<Uid> Store::seek_next_uid(const record::MailboxRecord& mailbox) const {
  Uid low = mailbox.uid_floor;  // all below are given
  Uid high = UINT32_MAX;        // none from here on is
  while (low < high) {
    auto rows = kv_.scan(kMessage, message_key(mailbox.id, low), mailbox_end(mailbox.id), 1);
    if (!rows) return std::unexpected(rows.error());
    if (rows->empty()) return low;
    const auto found = uid_of(rows->front().first);
    if (!found) return damaged("the key of a message");
    low = *found + 1;
    const Uid middle = low + (high - low) / 2;
    auto above = kv_.scan(kMessage, message_key(mailbox.id, middle), mailbox_end(mailbox.id), 1);
    if (!above) return std::unexpected(above.error());
    (above->empty() ? high : low) = middle;
  }
  return low;
}

// ---- Delivery

Store::Delivery::Delivery(Delivery&& other) noexcept
    : store_(std::exchange(other.store_, nullptr)),
      uids_(std::move(other.uids_)),
      held_(std::move(other.held_)) {}

Store::Delivery& Store::Delivery::operator=(Delivery&& other) noexcept {
  if (this != &other) {
    release();
    store_ = std::exchange(other.store_, nullptr);
    uids_ = std::move(other.uids_);
    held_ = std::move(other.held_);
  }
  return *this;
}

Store::Delivery::~Delivery() { release(); }

void Store::Delivery::release() {
  if (store_ == nullptr || held_.empty()) return;
  const std::scoped_lock lock(store_->mutex_);
  for (const auto& [mailbox, uid] : held_) store_->boxes_[mailbox].held.erase(uid);
  held_.clear();
}

void Store::Delivery::committed() {
  if (store_ == nullptr || held_.empty()) return;
  {
    const std::scoped_lock lock(store_->mutex_);
    for (const auto& [mailbox, uid] : held_) store_->boxes_[mailbox].stored = true;
  }
  release();
}

Result<std::vector<bool>> Store::already_delivered(const std::vector<Target>& targets,
                                                   record::QueueId id) const {
  std::vector<std::string> keys;
  keys.reserve(targets.size());
  for (const auto& target : targets) keys.push_back(delivery_key(id, target.recipient));
  auto known = kv_.multi_get(kDelivery, keys);
  if (!known) return std::unexpected(known.error());
  std::vector<bool> delivered;
  delivered.reserve(targets.size());
  for (const auto& value : *known) delivered.push_back(value.has_value());
  return delivered;
}

Store::Box& Store::box_of(std::string_view name, Time now) {
  if (const auto at = by_name_.find(name); at != by_name_.end()) return boxes_[at->second];
  const auto seconds = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
  record::MailboxRecord record{++last_mailbox_,
                               static_cast<std::uint32_t>(std::max<std::int64_t>(seconds, 1)), 1};
  by_name_.emplace(name, record.id);
  return boxes_[record.id] = Box{std::string(name), record, false, 1, {}};
}

/// Gives the next UID of the target's mailbox to the delivery. The mailbox's own row goes into each batch
/// until one is known to be committed, the same each time.
Result<void> Store::allocate(Kv::Batch& batch, const Target& target, Time now, Delivery& delivery) {
  std::unique_lock lock(mutex_);
  auto* box = &box_of(target.mailbox, now);
  if (!box->next) {
    const auto record = box->record;
    lock.unlock();
    auto next = seek_next_uid(record);
    if (!next) return std::unexpected(next.error());
    lock.lock();
    box = &boxes_[record.id];
    if (!box->next) box->next = *next;  // another may have looked and given some since
  }
  if (*box->next == UINT32_MAX) {
    return fail(Fault::permanent, "mailbox '" + target.mailbox + "' has given out its last UID");
  }
  const Uid uid = (*box->next)++;
  box->held.insert(uid);
  delivery.held_.emplace_back(box->record.id, uid);
  delivery.uids_.push_back(uid);
  if (!box->stored) {
    batch.put(kMailbox, target.mailbox, encode(box->record));
    batch.put(kMeta, std::string(kFormatKey), number_value(kFormat));
  }
  return {};
}

Result<Store::Delivery> Store::deliver(Kv::Batch& batch, const std::vector<Target>& targets,
                                       const Message& message, std::string body) {
  auto delivered = already_delivered(targets, message.queue_id);
  if (!delivered) return std::unexpected(delivered.error());
  const auto fresh = static_cast<std::size_t>(std::ranges::count(*delivered, false));
  Delivery delivery(this);
  record::MessageRecord record;
  record.received = message.received;
  record.queue_id = message.queue_id;
  record.sender = message.sender;
  record.body_size = message.size;
  record.header_size = message.header_size;
  record.blob = message.blob;
  record.shared = fresh > 1;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    if ((*delivered)[i]) {
      delivery.uids_.push_back(0);
      continue;
    }
    if (auto given = allocate(batch, targets[i], message.received, delivery); !given)
      return std::unexpected(given.error());
    const auto [mailbox, uid] = delivery.held_.back();
    // The first copy's own key names the body: it is never given again.
    if (record.body_key.empty()) record.body_key = message_key(mailbox, uid);
    record.prefix = targets[i].prefix;
    batch.put(kMessage, message_key(mailbox, uid), encode(record));
    batch.put(kDelivery, delivery_key(message.queue_id, targets[i].recipient), message_key(mailbox, uid));
  }
  if (fresh > 0 && message.blob.empty()) batch.put(kBody, record.body_key, std::move(body));
  if (record.shared) batch.put(kReferences, record.body_key, number_value(fresh));
  return delivery;
}

// ---- Reading

Result<Store::Mailbox> Store::describe(const Box& box) const {
  if (box.next) return Mailbox{box.name, box.record.id, box.record.uid_validity, *box.next};
  auto next = seek_next_uid(box.record);
  if (!next) return std::unexpected(next.error());
  return Mailbox{box.name, box.record.id, box.record.uid_validity, *next};
}

Result<std::vector<Store::Mailbox>> Store::list_mailboxes() const {
  std::vector<Box> boxes;
  {
    const std::scoped_lock lock(mutex_);
    for (const auto& [name, id] : by_name_) boxes.push_back(boxes_.at(id));
  }
  std::vector<Mailbox> all;
  for (const auto& box : boxes) {
    auto mailbox = describe(box);
    if (!mailbox) return std::unexpected(mailbox.error());
    all.push_back(std::move(*mailbox));
  }
  return all;
}

Result<Store::Mailbox> Store::find_mailbox(std::string_view name) const {
  Box box;
  {
    const std::scoped_lock lock(mutex_);
    const auto at = by_name_.find(name);
    if (at == by_name_.end()) return no_mailbox(name);
    box = boxes_.at(at->second);
  }
  return describe(box);
}

/// The mailbox's id, and the lowest UID that readers must not see yet.
Result<std::pair<std::uint32_t, std::optional<Uid>>> Store::visible(std::string_view name) const {
  const std::scoped_lock lock(mutex_);
  const auto at = by_name_.find(name);
  if (at == by_name_.end()) return no_mailbox(name);
  const auto& held = boxes_.at(at->second).held;
  return std::pair(at->second, held.empty() ? std::optional<Uid>{} : std::optional(*held.begin()));
}

namespace {

Result<record::MessageRecord> read_record(std::string_view mailbox, Uid uid, std::string_view stored) {
  auto record = record::decode_message_record(stored);
  if (record) return record;
  return fail(record.error().fault, "message " + std::to_string(uid) + " of mailbox '" +
                                        std::string(mailbox) + "': " + record.error().text);
}

}  // namespace

Result<Store::Listing> Store::scan(std::string_view mailbox, Uid from, std::size_t limit) const {
  const auto seen = visible(mailbox);
  if (!seen) return std::unexpected(seen.error());
  const auto [id, end] = *seen;
  auto rows = kv_.scan(kMessage, message_key(id, from), end ? message_key(id, *end) : mailbox_end(id), limit);
  if (!rows) return std::unexpected(rows.error());
  Listing listing;
  listing.items.reserve(rows->size());
  for (const auto& [key, value] : *rows) {
    const auto uid = uid_of(key);
    if (!uid) return damaged("the key of a message");
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
  const auto seen = visible(mailbox);
  if (!seen) return std::unexpected(seen.error());
  const auto [id, end] = *seen;
  if (end && uid >= *end) return no_message(mailbox, uid);
  auto stored = kv_.get(kMessage, message_key(id, uid));
  if (!stored) return std::unexpected(stored.error());
  if (!*stored) return no_message(mailbox, uid);
  auto record = read_record(mailbox, uid, **stored);
  if (!record) return std::unexpected(record.error());
  return Item{uid, std::move(*record)};
}

Result<Store::Summary> Store::summary(std::string_view mailbox) const {
  Summary sum;
  for (std::optional<Uid> from = 1; from;) {
    auto listing = scan(mailbox, *from, kScanRows);
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

// ---- Changing

Result<void> Store::set_flags(Kv::Batch& batch, std::string_view mailbox, Uid uid, Flags flags) {
  auto item = find(mailbox, uid);
  if (!item) return std::unexpected(item.error());
  const auto seen = visible(mailbox);
  if (!seen) return std::unexpected(seen.error());
  const auto key = message_key(seen->first, uid);
  batch.preconditions.push_back({kMessage, key, encode(item->message)});
  item->message.flags = flags;
  batch.put(kMessage, key, encode(item->message));
  return {};
}

Result<void> Store::expunge(Kv::Batch& batch, std::string_view mailbox, Uid uid, std::string& unused_blob) {
  auto item = find(mailbox, uid);
  if (!item) return std::unexpected(item.error());
  const auto seen = visible(mailbox);
  if (!seen) return std::unexpected(seen.error());
  if (auto raised = raise_floor(batch, mailbox); !raised) return raised;
  const auto key = message_key(seen->first, uid);
  batch.preconditions.push_back({kMessage, key, encode(item->message)});
  batch.remove(kMessage, key);
  return release_body(batch, item->message, unused_blob);
}

/// What was given stays given, also when the last message goes: after a restart only the floor tells.
Result<void> Store::raise_floor(Kv::Batch& batch, std::string_view mailbox) {
  auto stored = kv_.get(kMailbox, mailbox);
  if (!stored) return std::unexpected(stored.error());
  if (!*stored) return no_mailbox(mailbox);
  auto record = record::decode_mailbox_record(**stored);
  if (!record) return std::unexpected(record.error());
  auto next = seek_next_uid(*record);
  if (!next) return std::unexpected(next.error());
  {
    const std::scoped_lock lock(mutex_);
    auto& box = boxes_[record->id];
    if (!box.next) box.next = *next;
    record->uid_floor = *box.next;
  }
  batch.preconditions.push_back({kMailbox, std::string(mailbox), std::move(**stored)});
  batch.put(kMailbox, std::string(mailbox), encode(*record));
  return {};
}

Result<void> Store::release_body(Kv::Batch& batch, const record::MessageRecord& message,
                                 std::string& unused_blob) const {
  std::uint64_t references = 1;
  if (message.shared) {
    auto stored = kv_.get(kReferences, message.body_key);
    if (!stored) return std::unexpected(stored.error());
    std::string_view octets = *stored ? std::string_view(**stored) : std::string_view();
    const auto count = take_varint(octets);
    if (!count || *count == 0) return damaged("the count of a body's references");
    references = *count;
    batch.preconditions.push_back({kReferences, message.body_key, **stored});
  }
  if (references > 1) {
    batch.put(kReferences, message.body_key, number_value(references - 1));
    return {};
  }
  if (message.shared) batch.remove(kReferences, message.body_key);
  if (message.blob.empty()) {
    batch.remove(kBody, message.body_key);
  } else {
    unused_blob = message.blob;
  }
  return {};
}

Result<std::vector<std::string>> Store::orphans() const {
  auto names = blob_.names();
  if (!names || names->empty()) return names;
  std::set<std::string, std::less<>> left(names->begin(), names->end());
  bool unreadable = false;
  auto all =
      for_all(kv_, kMessage, {}, {}, [&](const std::string&, const std::string& value) -> Result<void> {
        const auto record = record::decode_message_record(value);
        if (record) {
          left.erase(record->blob);
        } else {
          unreadable = true;
        }
        return {};
      });
  if (!all) return std::unexpected(all.error());
  // A record that can't be read may name any of them: none is removed.
  if (unreadable) left.clear();
  return std::vector<std::string>(left.begin(), left.end());
}

}  // namespace hikyaku::store
