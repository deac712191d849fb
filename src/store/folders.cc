#include "store/folders.h"

#include <algorithm>

#include "store/keys.h"
#include "store/pending.h"
#include "store/registry.h"
#include "store/scan_all.h"

namespace hikyaku::store {
namespace {

constexpr std::size_t kMostRenamed = 10'000;

std::unexpected<Error> refused(std::string_view name, std::string_view why) {
  return fail(Fault::permanent, "mailbox '" + std::string(name) + "' " + std::string(why));
}
std::unexpected<Error> busy(std::string_view name) {
  return fail(Fault::temporary, "mailbox '" + std::string(name) + "' is in use right now: try again");
}

}  // namespace

/// Composes one such change, with the registry's names.
class Structure {
 public:
  Structure(Store& store, Kv::Batch& batch) : kv_(store.kv()), registry_(store.registry()), batch_(batch) {}

  Result<Change> create(std::string_view name, Time now);
  Result<Change> rename(std::string_view from, std::string_view to, Time now);
  Result<Change> remove(std::string_view name, Time now);
  Result<Change> restore(std::uint32_t id, std::string_view to, Time now);

 private:
  using Box = Registry::Box;

  // All under the registry's lock:
  Box* find(std::string_view name) {
    const auto at = registry_.by_name_.find(name);
    return at == registry_.by_name_.end() ? nullptr : &registry_.boxes_.at(at->second);
  }
  bool has_inferiors(std::string_view name) const { return !inferiors(name).empty(); }
  std::vector<std::uint32_t> inferiors(std::string_view name) const;
  Result<void> reserve(std::string_view name);
  void put_new(Box& box, Change& change);
  Result<void> make_missing(std::string_view name, Time now, Change& change);
  void reserve_until_the_end(std::vector<std::string> names, Change& change);
  Result<void> rename_boxes(const std::vector<std::uint32_t>& ids, std::string_view from, std::string_view to,
                            Change& change);

  Result<record::Usage> usage_of_box(std::uint32_t id) const;
  Result<record::MailboxRecord> row_for_change(const std::string& name);

  const Kv& kv_;
  Registry& registry_;
  Kv::Batch& batch_;
};

/// What is above comes before what is below.
std::vector<std::uint32_t> Structure::inferiors(std::string_view name) const {
  std::vector<std::uint32_t> ids;
  const auto prefix = std::string(name) + kDelimiter;
  for (auto at = registry_.by_name_.lower_bound(prefix);
       at != registry_.by_name_.end() && at->first.starts_with(prefix); ++at) {
    if (is_inferior(at->first, name)) ids.push_back(at->second);
  }
  return ids;
}

Result<void> Structure::reserve(std::string_view name) {
  if (registry_.reserved_.contains(name)) return busy(name);
  if (find(name) != nullptr) return refused(name, "is there already");
  return {};
}

/// The row of a mailbox that no batch has put yet; nobody else may put one meanwhile.
void Structure::put_new(Box& box, Change& change) {
  batch_.preconditions.push_back({kMailbox, box.name, std::nullopt});
  batch_.put(kMailbox, box.name, encode(box.record));
  box.busy = true;
  Registry::at_end(change, [&registry = registry_, id = box.record.id](bool committed) {
    const auto at = registry.boxes_.find(id);
    if (at == registry.boxes_.end()) return;
    at->second.busy = false;
    if (committed) {
      at->second.stored = true;
      return;
    }
    registry.by_name_.erase(at->second.name);
    registry.boxes_.erase(at);
  });
}

/// `name` and what is missing above it.
Result<void> Structure::make_missing(std::string_view name, Time now, Change& change) {
  std::vector<std::string> missing;
  for (std::optional<std::string_view> one = name; one && find(*one) == nullptr; one = superior_of(*one)) {
    if (registry_.reserved_.contains(*one)) return busy(*one);
    missing.emplace_back(*one);
  }
  std::ranges::reverse(missing);
  for (const auto& one : missing) put_new(registry_.make_box(one, now), change);
  return {};
}

Result<Change> Structure::create(std::string_view name, Time now) {
  Change change(&registry_);
  registry_.put_format(batch_, change);
  const std::unique_lock lock(registry_.mutex_);
  if (auto begun = registry_.begin_locked(account_of(name), change); !begun)
    return std::unexpected(std::move(begun.error()));
  auto* const box = find(name);
  if (box != nullptr && (box->record.selectable || box->busy)) return refused(name, "is there already");
  if (box == nullptr) {
    if (auto made = make_missing(name, now, change); !made) return std::unexpected(made.error());
    return change;
  }
  // A name that stood above others alone.
  batch_.preconditions.push_back({kMailbox, box->name, encode(box->record)});
  const auto old = box->record.id;
  auto& made = registry_.make_box(name, now);
  made.busy = true;
  batch_.put(kMailbox, made.name, encode(made.record));
  Registry::at_end(change, [&registry = registry_, id = made.record.id, old](bool committed) {
    auto& one = registry.boxes_.at(id);
    one.busy = false;
    one.stored = committed;
    if (!committed) registry.by_name_[one.name] = old;
  });
  return change;
}

/// Names that nobody else may make before the change is answered.
void Structure::reserve_until_the_end(std::vector<std::string> names, Change& change) {
  for (const auto& name : names) registry_.reserved_.insert(name);
  Registry::at_end(change, [&registry = registry_, names = std::move(names)](bool) {
    for (const auto& name : names) registry.reserved_.erase(name);
  });
}

Result<void> Structure::rename_boxes(const std::vector<std::uint32_t>& ids, std::string_view from,
                                     std::string_view to, Change& change) {
  std::vector<std::pair<std::uint32_t, std::string>> renamed;
  std::vector<std::string> names;
  for (const auto id : ids) {
    auto& box = registry_.boxes_.at(id);
    if (!box.stored || box.busy) return busy(box.name);
    auto name = std::string(to) + box.name.substr(from.size());
    if (auto valid = check_mailbox_name(name); !valid) return valid;
    if (auto free = reserve(name); !free) return free;
    renamed.emplace_back(id, name);
    names.push_back(std::move(name));
  }
  for (const auto& [id, name] : renamed) {
    auto& box = registry_.boxes_.at(id);
    const auto record = row_for_change(box.name);
    if (!record) return std::unexpected(record.error());
    batch_.preconditions.push_back({kMailbox, name, std::nullopt});
    batch_.remove(kMailbox, box.name);
    batch_.put(kMailbox, name, encode(*record));
  }
  reserve_until_the_end(std::move(names), change);
  Registry::at_end(change, [&registry = registry_, renamed = std::move(renamed)](bool committed) {
    if (!committed) return;
    for (const auto& [id, name] : renamed) {
      auto& box = registry.boxes_.at(id);
      registry.by_name_.erase(box.name);
      registry.by_name_[name] = id;
      box.name = name;
    }
  });
  return {};
}

Result<record::MailboxRecord> Structure::row_for_change(const std::string& name) {
  const auto stored = read_for_change(kv_, batch_, kMailbox, name);
  if (!stored) return std::unexpected(stored.error());
  if (!*stored) return busy(name);
  return record::decode_mailbox_record(**stored);
}

Result<Change> Structure::rename(std::string_view from, std::string_view to, Time now) {
  Change change(&registry_);
  registry_.put_format(batch_, change);
  const std::unique_lock lock(registry_.mutex_);
  if (auto begun = registry_.begin_locked(account_of(from), change); !begun)
    return std::unexpected(std::move(begun.error()));
  auto* const box = find(from);
  if (box == nullptr || !box->stored) return no_mailbox(from);
  if (account_of(from) != account_of(to)) return refused(from, "can't go to another account");
  if (to == from || is_inferior(to, from)) {
    if (!is_inbox(from) || to == from) return refused(from, "can't go below itself");
  }
  if (auto free = reserve(to); !free) return std::unexpected(free.error());
  // Names above `to`, but never `from` itself: that is where they come from.
  if (const auto above = superior_of(to); above && find(*above) == nullptr) {
    if (auto made = make_missing(*above, now, change); !made) return std::unexpected(made.error());
  }
  auto ids = is_inbox(from) ? std::vector<std::uint32_t>() : inferiors(from);
  ids.insert(ids.begin(), box->record.id);
  if (ids.size() > kMostRenamed) return refused(from, "has too many mailboxes below it");
  if (auto renamed = rename_boxes(ids, from, to, change); !renamed) return std::unexpected(renamed.error());
  if (!is_inbox(from)) return change;
  // A new mailbox takes the place of the INBOX, in the same batch and in memory after the others.
  auto& fresh = registry_.boxes_[++registry_.last_mailbox_];
  fresh.name = from;
  fresh.record.id = registry_.last_mailbox_;
  fresh.record.uid_validity = ++registry_.last_uid_validity_;
  fresh.next_uid = fresh.record.uid_floor;
  fresh.next_modseq = fresh.record.modseq_floor;
  batch_.put(kMailbox, fresh.name, encode(fresh.record));
  Registry::at_end(change, [&registry = registry_, id = fresh.record.id](bool committed) {
    const auto at = registry.boxes_.find(id);
    if (!committed) {
      registry.boxes_.erase(at);
      return;
    }
    at->second.stored = true;
    registry.by_name_[at->second.name] = id;
  });
  return change;
}

Result<record::Usage> Structure::usage_of_box(std::uint32_t id) const {
  record::Usage sum;
  auto done = scan_all(kv_, kMessage, message_key(id, 0), mailbox_end(id),
                       [&](const std::string&, const std::string& value) -> Result<void> {
                         const auto record = record::decode_message_record(value);
                         if (!record) return std::unexpected(record.error());
                         sum += record::usage_of_message(*record);
                         return {};
                       });
  if (!done) return std::unexpected(done.error());
  return sum;
}

Result<Change> Structure::remove(std::string_view name, Time now) {
  Change change(&registry_);
  const auto given = registry_.give(batch_, name, now, Registry::Missing::refuse, 0, change);
  if (!given && given.error().fault != Fault::not_found) return std::unexpected(given.error());
  const auto row = row_for_change(std::string(name));
  {
    const std::unique_lock lock(registry_.mutex_);
    auto* const box = find(name);
    if (box == nullptr || !box->stored) return no_mailbox(name);
    if (box->busy || !box->held_uids.empty()) return busy(name);
    if (!row) return std::unexpected(row.error());
    if (row->id != box->record.id) return busy(name);
    const bool inferiors = has_inferiors(name);
    if (!box->record.selectable && inferiors) return refused(name, "has others below it");
    // From here on it takes no mail: what is counted now stays so until the commit.
    box->busy = true;
    const auto id = box->record.id;
    std::uint32_t stub = 0;
    if (inferiors) {
      auto& left = registry_.boxes_[++registry_.last_mailbox_];
      left.name = name;
      left.record.id = stub = registry_.last_mailbox_;
      left.record.uid_validity = ++registry_.last_uid_validity_;
      left.record.selectable = false;
      left.busy = true;
      batch_.put(kMailbox, left.name, encode(left.record));
    } else {
      batch_.remove(kMailbox, std::string(name));
    }
    batch_.put(kMeta, std::string(kFloorsKey),
               encode(record::MailboxFloors{registry_.last_mailbox_, registry_.last_uid_validity_}));
    Registry::at_end(change, [&registry = registry_, id, stub](bool committed) {
      auto at = registry.boxes_.find(id);
      if (!committed) {
        at->second.busy = false;
        if (stub != 0) registry.boxes_.erase(stub);
        return;
      }
      if (stub == 0) {
        registry.by_name_.erase(at->second.name);
      } else {
        registry.by_name_[at->second.name] = stub;
        registry.boxes_.at(stub).stored = true;
        registry.boxes_.at(stub).busy = false;
      }
      registry.boxes_.erase(at);
    });
  }
  if (!row->selectable) return change;
  if (!given) return std::unexpected(given.error());
  const auto usage = usage_of_box(row->id);
  if (!usage) return std::unexpected(usage.error());
  record::RemovedMailbox removed{now, std::string(name), *row, false};
  removed.mailbox.uid_floor = std::max(row->uid_floor, given->first_uid);
  removed.mailbox.modseq_floor = std::max(row->modseq_floor, given->modseq + 1);
  batch_.put(kRemoved, removed_mailbox_key(row->id), encode(removed));
  if (*usage != record::Usage{}) registry_.add_usage(batch_, name, *given, -*usage, change);
  return change;
}

Result<Change> Structure::restore(std::uint32_t id, std::string_view to, Time now) {
  Change change(&registry_);
  registry_.put_format(batch_, change);
  const auto key = removed_mailbox_key(id);
  const auto stored = read_for_change(kv_, batch_, kRemoved, key);
  if (!stored) return std::unexpected(stored.error());
  if (!*stored) return fail(Fault::not_found, "there is no removed mailbox " + std::to_string(id));
  const auto removed = record::decode_removed_mailbox(**stored);
  if (!removed) return std::unexpected(removed.error());
  if (removed->purging)
    return fail(Fault::not_found, "the removed mailbox " + std::to_string(id) + " is being purged");
  const auto usage = usage_of_box(id);
  if (!usage) return std::unexpected(usage.error());
  Registry::Given given;
  {
    const std::unique_lock lock(registry_.mutex_);
    for (const auto name : {to, std::string_view(removed->name)}) {
      if (auto begun = registry_.begin_locked(account_of(name), change); !begun)
        return std::unexpected(std::move(begun.error()));
    }
    if (auto free = reserve(to); !free) return std::unexpected(free.error());
    if (registry_.boxes_.contains(id)) return busy(to);
    if (const auto above = superior_of(to); above && find(*above) == nullptr) {
      if (auto made = make_missing(*above, now, change); !made) return std::unexpected(made.error());
    }
    auto& box = registry_.boxes_[id];
    box.name = to;
    box.record = removed->mailbox;
    box.record.uid_validity = ++registry_.last_uid_validity_;
    given = {id, box.record.uid_validity, box.record.uid_floor, box.record.modseq_floor++};
    registry_.by_name_[box.name] = id;
    put_new(box, change);
  }
  batch_.remove(kRemoved, key);
  if (*usage != record::Usage{}) registry_.add_usage(batch_, to, given, *usage, change);
  return change;
}

Result<Change> create_mailbox(Store& store, Kv::Batch& batch, std::string_view name, Time now) {
  if (auto valid = check_mailbox_name(name); !valid) return std::unexpected(valid.error());
  return Structure(store, batch).create(name, now);
}

Result<Change> rename_mailbox(Store& store, Kv::Batch& batch, std::string_view from, std::string_view to,
                              Time now) {
  if (auto valid = check_mailbox_name(to); !valid) return std::unexpected(valid.error());
  return Structure(store, batch).rename(from, to, now);
}

Result<Change> remove_mailbox(Store& store, Kv::Batch& batch, std::string_view name, Time now) {
  return Structure(store, batch).remove(name, now);
}

Result<Change> restore_mailbox(Store& store, Kv::Batch& batch, std::uint32_t id, std::string_view to,
                               Time now) {
  if (auto valid = check_mailbox_name(to); !valid) return std::unexpected(valid.error());
  return Structure(store, batch).restore(id, to, now);
}

Result<Change> subscribe(Store& store, Kv::Batch& batch, std::string_view name) {
  if (auto valid = check_mailbox_name(name); !valid) return std::unexpected(valid.error());
  Change change(&store.registry());
  if (auto begun = store.registry().begin(account_of(name), change); !begun)
    return std::unexpected(std::move(begun.error()));
  batch.put(kAccount, subscription_prefix(account_of(name)).append(name), {});
  store.registry().put_format(batch, change);
  return change;
}

void unsubscribe(Kv::Batch& batch, std::string_view name) {
  batch.remove(kAccount, subscription_prefix(account_of(name)).append(name));
}

Result<std::vector<std::string>> subscriptions(const Store& store, std::string_view account) {
  const auto prefix = subscription_prefix(account);
  std::vector<std::string> names;
  auto done = scan_all(store.kv(), kAccount, prefix, prefix_end(prefix),
                       [&](const std::string& key, const std::string&) -> Result<void> {
                         names.push_back(key.substr(prefix.size()));
                         return {};
                       });
  if (!done) return std::unexpected(done.error());
  return names;
}

}  // namespace hikyaku::store
