#include "store/registry.h"

#include <algorithm>
#include <utility>

#include "base/varint.h"
#include "store/bodies.h"
#include "store/keys.h"
#include "store/mailbox_name.h"
#include "store/scan_all.h"

namespace hikyaku::store {
namespace {

constexpr std::string_view kFormatKey = "format";

Error elsewhere(std::string_view account) {
  return {Fault::temporary, "the mailboxes of '" + std::string(account) + "' were " +
                                std::string(Registry::kMoved) + ": try again"};
}

}  // namespace

std::unexpected<Error> no_mailbox(std::string_view name) {
  return fail(Fault::not_found, "there is no mailbox '" + std::string(name) + "'");
}
std::unexpected<Error> no_message(std::string_view mailbox, Uid uid) {
  return fail(Fault::not_found,
              "there is no message " + std::to_string(uid) + " in mailbox '" + std::string(mailbox) + "'");
}
std::unexpected<Error> unreadable(const std::string& what) {
  return fail(Fault::corrupt, "mailbox database: " + what + " can't be read");
}

// ---- Opening

Result<void> Registry::read() {
  if (auto format = read_format(); !format) return format;
  return read_mailboxes();
}

Result<std::uint64_t> format_of(const Kv& kv) {
  auto stored = kv.get(kMeta, kFormatKey);
  if (!stored) return std::unexpected(stored.error());
  if (!*stored) return 0;
  std::string_view octets = **stored;
  const auto format = take_varint(octets);
  if (!format) return unreadable("its format");
  if (*format > kFormat) {
    return fail(Fault::permanent, "the mailbox database has format " + std::to_string(*format) +
                                      ", this program knows up to " + std::to_string(kFormat) +
                                      ": use the newer hikyaku that wrote it");
  }
  return *format;
}

Result<void> Registry::read_format() {
  const auto format = format_of(kv_);
  if (!format) return std::unexpected(format.error());
  // Written with the first change: a store may be open for reading only.
  format_stored_ = *format == kFormat;
  older_format_ = *format != 0 && !format_stored_;
  return {};
}

Result<void> Registry::read_mailboxes() {
  auto stored = kv_.get(kMeta, kFloorsKey);
  if (!stored) return std::unexpected(stored.error());
  if (*stored) {
    const auto floors = record::decode_mailbox_floors(**stored);
    if (!floors) return std::unexpected(floors.error());
    last_mailbox_ = floors->last_id;
    last_uid_validity_ = floors->last_uid_validity;
  }
  // Removed ones have numbers too, which a move may have given them.
  const std::string removed(kRemovedMailboxes);
  auto noted = scan_all(kv_, kRemoved, removed, prefix_end(removed),
                        [&](const std::string&, const std::string& value) -> Result<void> {
                          if (const auto one = record::decode_removed_mailbox(value))
                            last_mailbox_ = std::max(last_mailbox_, one->mailbox.id);
                          return {};
                        });
  if (!noted) return noted;
  return scan_all(kv_, kMailbox, {}, {},
                  [&](const std::string& name, const std::string& value) -> Result<void> {
                    auto record = record::decode_mailbox_record(value);
                    if (!record)
                      return fail(record.error().fault, "mailbox '" + name + "': " + record.error().text);
                    take_in(name, *record);
                    return {};
                  });
}

/// A mailbox of an account that is not here is not known by its name, but its numbers are.
void Registry::take_in(const std::string& name, const record::MailboxRecord& record) {
  last_mailbox_ = std::max(last_mailbox_, record.id);
  last_uid_validity_ = std::max(last_uid_validity_, record.uid_validity);
  if (!is_here(account_of(name))) return;
  by_name_[name] = record.id;
  Box box;
  box.name = name;
  box.record = record;
  box.stored = true;
  boxes_[record.id] = std::move(box);
}

Result<Uid> Registry::seek_next_uid(const record::MailboxRecord& mailbox) const {
  Uid low = mailbox.uid_floor;  // all below are given
  Uid high = UINT32_MAX;        // none from here on is
  while (low < high) {
    auto rows = kv_.scan(kMessage, message_key(mailbox.id, low), mailbox_end(mailbox.id), 1);
    if (!rows) return std::unexpected(rows.error());
    if (rows->empty()) return low;
    const auto found = uid_of(rows->front().first);
    if (!found) return unreadable("the key of a message");
    low = *found + 1;
    const Uid middle = low + (high - low) / 2;
    auto above = kv_.scan(kMessage, message_key(mailbox.id, middle), mailbox_end(mailbox.id), 1);
    if (!above) return std::unexpected(above.error());
    (above->empty() ? high : low) = middle;
  }
  return low;
}

Result<ModSeq> Registry::seek_next_modseq(const record::MailboxRecord& mailbox) const {
  const auto end = prefix_end(changed_prefix(mailbox.id));
  const auto from = [&](ModSeq modseq) { return changed_key(mailbox.id, modseq, 0); };
  ModSeq low = mailbox.modseq_floor;  // all below are given
  ModSeq high = low;
  const auto first_from = [&](ModSeq modseq) { return kv_.scan(kChange, from(modseq), end, 1); };
  for (ModSeq step = 1;; step *= 2) {
    const auto rows = first_from(high);
    if (!rows) return std::unexpected(rows.error());
    if (rows->empty()) break;
    const auto found = change_place_of(rows->front().first);
    if (!found) return unreadable("the key of a change");
    low = found->modseq + 1;
    high = low + step;
  }
  while (low < high) {
    const auto middle = low + (high - low) / 2;
    const auto rows = first_from(middle);
    if (!rows) return std::unexpected(rows.error());
    if (rows->empty()) {
      high = middle;
      continue;
    }
    const auto found = change_place_of(rows->front().first);
    if (!found) return unreadable("the key of a change");
    low = found->modseq + 1;
  }
  return low;
}

// ---- Looking

Registry::Mailbox Registry::seen(const Box& box) const {
  Mailbox mailbox{box.name, box.record, box.next_uid, box.next_modseq, {}, {}};
  if (!box.held_uids.empty()) mailbox.first_held_uid = *box.held_uids.begin();
  if (!box.held_modseqs.empty()) mailbox.first_held_modseq = *box.held_modseqs.begin();
  return mailbox;
}

Result<Registry::Mailbox> Registry::find(std::string_view name) const {
  const std::scoped_lock lock(mutex_);
  if (!is_here(account_of(name))) return std::unexpected(elsewhere(account_of(name)));
  const auto at = by_name_.find(name);
  if (at == by_name_.end()) return no_mailbox(name);
  const auto& box = boxes_.at(at->second);
  if (!box.stored || !box.record.selectable) return no_mailbox(name);
  return seen(box);
}

std::optional<std::string> Registry::name_of(std::uint32_t mailbox) const {
  const std::scoped_lock lock(mutex_);
  const auto at = boxes_.find(mailbox);
  return at == boxes_.end() ? std::nullopt : std::optional(at->second.name);
}

std::vector<Registry::Mailbox> Registry::all() const {
  const std::scoped_lock lock(mutex_);
  std::vector<Mailbox> mailboxes;
  for (const auto& [name, id] : by_name_) {
    if (const auto& box = boxes_.at(id); box.stored && is_here(account_of(name)))
      mailboxes.push_back(seen(box));
  }
  return mailboxes;
}

Result<ModSeq> Registry::first_open_modseq(std::uint32_t mailbox) const {
  record::MailboxRecord record;
  {
    const std::scoped_lock lock(mutex_);
    const auto at = boxes_.find(mailbox);
    if (at == boxes_.end()) return UINT64_MAX;  // nobody changes what is removed
    const auto& box = at->second;
    if (!box.held_modseqs.empty()) return *box.held_modseqs.begin();
    if (box.next_modseq) return *box.next_modseq;
    record = box.record;
  }
  return seek_next_modseq(record);
}

// ---- Giving out

Registry::Box& Registry::make_box(std::string_view name, Time now) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
  const auto clock = static_cast<std::uint32_t>(std::clamp<std::int64_t>(seconds, 1, UINT32_MAX));
  Box box;
  box.name = name;
  box.record.id = ++last_mailbox_;
  // Above all that ever were, so that no name ever has one again.
  box.record.uid_validity = last_uid_validity_ = std::max(clock, last_uid_validity_ + 1);
  box.next_uid = box.record.uid_floor;
  box.next_modseq = box.record.modseq_floor;
  by_name_[box.name] = box.record.id;
  return boxes_[box.record.id] = std::move(box);
}

/// Under the lock.
Result<Registry::Box*> Registry::box_for(std::string_view name, Time now, Missing missing) {
  const auto changing = [&] {
    return fail(Fault::temporary, "mailbox '" + std::string(name) + "' is being removed or renamed");
  };
  const auto at = by_name_.find(name);
  if (at != by_name_.end()) {
    auto& box = boxes_.at(at->second);
    if (box.busy) return changing();
    if (box.record.selectable && (box.stored || missing == Missing::make)) return &box;
    // In the place of a name that only stood above others, once that is known to be stored.
    if (missing == Missing::make && box.stored) return &make_box(name, now);
    return no_mailbox(name);
  }
  if (missing == Missing::refuse) return no_mailbox(name);
  if (reserved_.contains(name)) return changing();
  return &make_box(name, now);
}

/// Gives the lock back for a while; a box never goes away while it has not been looked for.
Result<Registry::Box*> Registry::load(std::unique_lock<std::mutex>& lock, Box* box) {
  if (box->next_uid && box->next_modseq) return box;
  const auto record = box->record;
  lock.unlock();
  const auto uid = seek_next_uid(record);
  const auto modseq = seek_next_modseq(record);
  lock.lock();
  if (!uid) return std::unexpected(uid.error());
  if (!modseq) return std::unexpected(modseq.error());
  const auto at = boxes_.find(record.id);
  if (at == boxes_.end()) return no_mailbox("of that id");
  // Another may have looked and given some since.
  if (!at->second.next_uid) at->second.next_uid = *uid;
  if (!at->second.next_modseq) at->second.next_modseq = *modseq;
  return &at->second;
}

Result<Registry::Given> Registry::give(Kv::Batch& batch, std::string_view name, Time now, Missing missing,
                                       std::uint32_t uids, Change& change) {
  std::unique_lock lock(mutex_);
  if (auto begun = begin_locked(account_of(name), change); !begun)
    return std::unexpected(std::move(begun.error()));
  auto box = box_for(name, now, missing);
  if (!box) return std::unexpected(box.error());
  box = load(lock, *box);
  if (!box) return std::unexpected(box.error());
  auto& one = **box;
  if (one.busy)
    return fail(Fault::temporary, "mailbox '" + std::string(name) + "' is being removed or renamed");
  if (UINT32_MAX - *one.next_uid < uids) {
    return fail(Fault::permanent, "mailbox '" + std::string(name) + "' has given out its last UID");
  }
  const Given given{one.record.id, one.record.uid_validity, *one.next_uid, *one.next_modseq};
  for (std::uint32_t i = 0; i < uids; ++i) one.held_uids.insert(given.first_uid + i);
  *one.next_uid += uids;
  one.held_modseqs.insert(given.modseq);
  ++*one.next_modseq;
  change.held_.push_back({given.mailbox, given.first_uid, uids, given.modseq});
  if (!one.stored) batch.put(kMailbox, one.name, encode(one.record));
  const bool format = !format_stored_;
  lock.unlock();
  if (format) put_format(batch, change);
  return given;
}

void Registry::put_format(Kv::Batch& batch, Change& change) {
  {
    const std::scoped_lock lock(mutex_);
    if (format_stored_ || change.format_) return;
  }
  batch.put(kMeta, std::string(kFormatKey), count_value(kFormat));
  change.format_ = true;
}

void Registry::add_usage(Kv::Batch& batch, std::string_view mailbox, const Given& given,
                         const record::Usage& added, Change& change) {
  const auto account = account_of(mailbox);
  batch.put(kAccount, usage_key(account, given.mailbox, given.modseq), encode(added));
  change.usage_.emplace_back(account, added);
  if (added.messages < 0) return;  // counts when it is done
  const std::scoped_lock lock(mutex_);
  accounts_[std::string(account)].in_flight += added;
}

// ---- Accounts that come and go

Result<void> Registry::open_for(std::string_view account) const {
  if (!is_here(account)) return std::unexpected(elsewhere(account));
  const auto domain = account.rfind('@');
  if (!closed_.contains(account) &&
      (domain == std::string_view::npos || !closed_.contains(account.substr(domain))))
    return {};
  return fail(Fault::temporary, "the mailboxes of '" + std::string(account) + "' are being " +
                                    std::string(kMoved) + ": try again soon");
}

Result<void> Registry::begin_locked(std::string_view account, Change& change) {
  if (std::ranges::find(change.accounts_, account) != change.accounts_.end()) return {};
  if (auto open = open_for(account); !open) return open;
  change.accounts_.emplace_back(account);
  ++changing_[change.accounts_.back()];
  return {};
}

Result<void> Registry::check_open(std::string_view account) const {
  const std::scoped_lock lock(mutex_);
  return open_for(account);
}

Result<void> Registry::begin(std::string_view account, Change& change) {
  const std::scoped_lock lock(mutex_);
  return begin_locked(account, change);
}

void Registry::close(const std::string& whom) {
  const std::scoped_lock lock(mutex_);
  closed_.insert(whom);
}

void Registry::reopen(const std::string& whom) {
  const std::scoped_lock lock(mutex_);
  closed_.erase(whom);
}

bool Registry::wait_quiet(const std::string& whom, std::chrono::milliseconds at_most) {
  std::unique_lock lock(mutex_);
  return answered_.wait_for(lock, at_most, [&] {
    if (!whom.starts_with('@')) return !changing_.contains(whom);
    return std::ranges::none_of(changing_, [&](const auto& one) { return one.first.ends_with(whom); });
  });
}

std::uint32_t Registry::new_ids(std::uint32_t count) {
  const std::scoped_lock lock(mutex_);
  const auto first = last_mailbox_ + 1;
  last_mailbox_ += count;
  return first;
}

record::MailboxFloors Registry::floors() const {
  const std::scoped_lock lock(mutex_);
  return {last_mailbox_, last_uid_validity_};
}

Result<void> Registry::adopt(std::string_view account) {
  std::vector<std::pair<std::string, record::MailboxRecord>> found;
  auto done = each_mailbox_row(kv_, account, [&](const std::string& name, const std::string& value) {
    auto record = record::decode_mailbox_record(value);
    if (!record)
      return Result<void>(fail(record.error().fault, "mailbox '" + name + "': " + record.error().text));
    found.emplace_back(name, *record);
    return Result<void>();
  });
  if (!done) return done;
  const std::scoped_lock lock(mutex_);
  for (const auto& [name, record] : found) take_in(name, record);
  if (const auto at = accounts_.find(account); at != accounts_.end()) accounts_.erase(at);
  return {};
}

void Registry::forget(std::string_view account) {
  const std::scoped_lock lock(mutex_);
  for (auto at = by_name_.lower_bound(account); at != by_name_.end() && at->first.starts_with(account);) {
    if (account_of(at->first) != account) {
      ++at;
      continue;
    }
    boxes_.erase(at->second);
    at = by_name_.erase(at);
  }
  if (const auto at = accounts_.find(account); at != accounts_.end()) accounts_.erase(at);
}

Result<void> each_mailbox_row(
    const Kv& kv, std::string_view account,
    const std::function<Result<void>(const std::string&, const std::string&)>& each) {
  return scan_all(kv, kMailbox, std::string(account), prefix_end(account),
                  [&](const std::string& name, const std::string& value) -> Result<void> {
                    return account_of(name) == account ? each(name, value) : Result<void>();
                  });
}

// ---- The end of a change

Change::Change(Change&& other) noexcept
    : registry_(std::exchange(other.registry_, nullptr)),
      format_(other.format_),
      held_(std::move(other.held_)),
      usage_(std::move(other.usage_)),
      accounts_(std::move(other.accounts_)),
      at_end_(std::move(other.at_end_)) {}

Change& Change::operator=(Change&& other) noexcept {
  if (this != &other) {
    release(false);
    registry_ = std::exchange(other.registry_, nullptr);
    format_ = other.format_;
    held_ = std::move(other.held_);
    usage_ = std::move(other.usage_);
    accounts_ = std::move(other.accounts_);
    at_end_ = std::move(other.at_end_);
  }
  return *this;
}

Change::~Change() { release(false); }

void Change::committed() { release(true); }

void Change::release(bool committed) {
  auto* const registry = std::exchange(registry_, nullptr);
  if (registry == nullptr) return;
  const std::scoped_lock lock(registry->mutex_);
  if (committed && format_) {
    registry->format_stored_ = true;
    registry->older_format_ = false;
  }
  for (const auto& held : held_) {
    const auto at = registry->boxes_.find(held.mailbox);
    if (at == registry->boxes_.end()) continue;
    for (std::uint32_t i = 0; i < held.uids; ++i) at->second.held_uids.erase(held.first + i);
    at->second.held_modseqs.erase(held.modseq);
    if (committed) at->second.stored = true;
  }
  for (const auto& [name, added] : usage_) {
    auto& account = registry->accounts_[name];
    if (added.messages >= 0) account.in_flight += -added;
    if (!committed) continue;
    if (account.usage) *account.usage += added;
    ++account.changes;
  }
  for (const auto& end : at_end_) end(committed);
  for (const auto& name : accounts_) {
    const auto at = registry->changing_.find(name);
    if (--at->second == 0) registry->changing_.erase(at);
  }
  if (!registry->closed_.empty()) registry->answered_.notify_all();
}

}  // namespace hikyaku::store
