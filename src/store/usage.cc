#include "store/usage.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/varint.h"
#include "store/body_files.h"
#include "store/keys.h"
#include "store/registry.h"
#include "store/scan_all.h"

namespace hikyaku::store {
namespace {

constexpr std::uint32_t kFoldAfter = 1000;  // changes
constexpr std::size_t kFoldAtOnce = 4000;   // rows
constexpr int kRecounts = 5;                // tries on an account that changes

/// The rows of an account's usage, as they are stored.
Result<std::vector<Kv::Row>> usage_rows(const Kv& kv, std::string_view account) {
  const auto prefix = usage_key(account);
  std::vector<Kv::Row> all;
  auto done = scan_all(kv, kAccount, prefix, prefix_end(prefix),
                       [&](const std::string& key, const std::string& value) -> Result<void> {
                         all.emplace_back(key, value);
                         return {};
                       });
  if (!done) return std::unexpected(done.error());
  return all;
}

Result<Usage> sum_of(const std::vector<Kv::Row>& rows) {
  Usage sum;
  for (const auto& [key, value] : rows) {
    const auto usage = record::decode_usage(value);
    if (!usage) return std::unexpected(usage.error());
    sum += *usage;
  }
  return sum;
}

bool fits(std::int64_t value, std::uint64_t limit) {
  return limit == 0 || value <= 0 || static_cast<std::uint64_t>(value) <= limit;
}

}  // namespace

/// Reaches the accounts in the registry.
class Quotas {
 public:
  explicit Quotas(const Store& store) : kv_(store.kv()), registry_(store.registry()) {}

  Result<Quota> quota(std::string_view account) const {
    {
      const std::scoped_lock lock(registry_.mutex_);
      const auto at = registry_.accounts_.find(account);
      if (at != registry_.accounts_.end() && at->second.quota_read)
        return at->second.quota.value_or(registry_.default_quota_);
    }
    auto stored = kv_.get(kAccount, quota_key(account));
    if (!stored) return std::unexpected(stored.error());
    std::optional<Quota> own;
    if (*stored) {
      auto quota = record::decode_quota(**stored);
      if (!quota) return std::unexpected(quota.error());
      own = *quota;
    }
    const std::scoped_lock lock(registry_.mutex_);
    auto& kept = registry_.accounts_[std::string(account)];
    if (!kept.quota_read) {
      kept.quota = own;
      kept.quota_read = true;
    }
    return kept.quota.value_or(registry_.default_quota_);
  }

  /// With what is under way.
  Result<Usage> expected(std::string_view account) const {
    {
      const std::scoped_lock lock(registry_.mutex_);
      const auto& kept = registry_.accounts_[std::string(account)];
      if (kept.usage) {
        auto sum = *kept.usage;
        return sum += kept.in_flight;
      }
    }
    const auto rows = usage_rows(kv_, account);
    if (!rows) return std::unexpected(rows.error());
    const auto sum = sum_of(*rows);
    if (!sum) return sum;
    const std::scoped_lock lock(registry_.mutex_);
    auto& kept = registry_.accounts_[std::string(account)];
    if (!kept.usage) {
      kept.usage = *sum;
      kept.changes = static_cast<std::uint32_t>(rows->size());
    }
    auto all = *kept.usage;
    return all += kept.in_flight;
  }

  void folded(std::string_view account, const std::optional<Usage>& sum) const {
    const std::scoped_lock lock(registry_.mutex_);
    auto& kept = registry_.accounts_[std::string(account)];
    kept.changes = 0;
    if (sum && kept.usage) kept.usage = *sum;
  }

  std::vector<std::string> to_fold() const {
    const std::scoped_lock lock(registry_.mutex_);
    std::vector<std::string> names;
    for (const auto& [name, account] : registry_.accounts_) {
      if (account.changes >= kFoldAfter) names.push_back(name);
    }
    return names;
  }

  Result<Change> set(Kv::Batch& batch, std::string_view account, const std::optional<Quota>& quota) const {
    Change change(&registry_);
    if (auto begun = registry_.begin(account, change); !begun)
      return std::unexpected(std::move(begun.error()));
    if (quota) {
      batch.put(kAccount, quota_key(account), encode(*quota));
    } else {
      batch.remove(kAccount, quota_key(account));
    }
    registry_.put_format(batch, change);
    Registry::at_end(change, [&registry = registry_, name = std::string(account), quota](bool committed) {
      auto& kept = registry.accounts_[name];
      kept.quota_read = committed;  // what is stored is not known when the commit failed
      if (committed) kept.quota = quota;
    });
    return change;
  }

 private:
  const Kv& kv_;
  Registry& registry_;
};

Result<Usage> usage_of(const Store& store, std::string_view account) {
  const auto rows = usage_rows(store.kv(), account);
  if (!rows) return std::unexpected(rows.error());
  return sum_of(*rows);
}

Result<Quota> quota_of(const Store& store, std::string_view account) { return Quotas(store).quota(account); }

Result<Change> set_quota(Store& store, Kv::Batch& batch, std::string_view account,
                         const std::optional<Quota>& quota) {
  return Quotas(store).set(batch, account, quota);
}

Result<bool> has_room(const Store& store, std::string_view account, const Usage& added) {
  const Quotas quotas(store);
  const auto quota = quotas.quota(account);
  if (!quota) return std::unexpected(quota.error());
  if (*quota == Quota{}) return true;
  auto usage = quotas.expected(account);
  if (!usage) return std::unexpected(usage.error());
  *usage += added;
  return fits(usage->octets, quota->octets) && fits(usage->messages, quota->messages);
}

std::vector<std::string> accounts_to_fold(const Store& store) { return Quotas(store).to_fold(); }

namespace {

/// Adds up what changes of one mailbox have rows of their own.
class MailboxFold {
 public:
  MailboxFold(const Store& store, std::string_view account, std::uint32_t mailbox)
      : store_(store), account_(account), mailbox_(mailbox) {}

  /// Reads its rows; removes at most `limit`. True: there are more. `total` grows by what was read.
  Result<bool> read(std::size_t limit, Usage& total) {
    // Before the rows: what is written later with a lower MODSEQ would be neither in the sum nor behind it.
    const auto open = store_.registry().first_open_modseq(mailbox_);
    if (!open) return std::unexpected(open.error());
    auto base = store_.kv().get(kAccount, key(0));
    if (!base) return std::unexpected(base.error());
    base_ = std::move(*base);
    if (base_) {
      const auto folded = record::decode_folded_usage(*base_);
      if (!folded) return std::unexpected(folded.error());
      folded_ = *folded;
      total += folded_.sum;
    }
    const auto end = prefix_end(usage_key(account_, mailbox_));
    for (auto from = key(std::max<std::uint64_t>(folded_.below, 1));;) {
      const auto rows = store_.kv().scan(kAccount, from, end, kScanRows);
      if (!rows) return std::unexpected(rows.error());
      for (const auto& [key, value] : *rows) {
        const auto place = usage_place_of(std::string_view(key).substr(usage_key(account_).size()));
        if (!place) return unreadable("the key of a row of usage");
        const auto usage = record::decode_usage(value);
        if (!usage) return std::unexpected(usage.error());
        total += *usage;
        if (place->modseq >= *open) continue;
        folded_.sum += *usage;
        folded_.below = place->modseq + 1;
        keys_.push_back(key);
        if (keys_.size() >= limit) return true;
      }
      if (rows->size() < kScanRows) return false;
      from = rows->back().first + '\0';
    }
  }

  std::size_t rows() const { return keys_.size(); }

  void compose(Kv::Batch& batch) && {
    if (keys_.empty()) return;
    // Rows are only ever removed together with a change of the first.
    batch.preconditions.push_back({kAccount, key(0), base_});
    batch.put(kAccount, key(0), encode(folded_));
    for (auto& one : keys_) batch.remove(kAccount, std::move(one));
  }

 private:
  std::string key(std::uint64_t modseq) const { return usage_key(account_, mailbox_, modseq); }

  const Store& store_;
  std::string_view account_;
  std::uint32_t mailbox_;
  std::optional<std::string> base_;
  record::FoldedUsage folded_;
  std::vector<std::string> keys_;
};

}  // namespace

Result<bool> fold_usage(Store& store, Kv::Batch& batch, std::string_view account) {
  const auto prefix = usage_key(account), end = prefix_end(prefix);
  Usage total;
  std::size_t folded = 0;
  for (std::string from = prefix;;) {
    const auto next = store.kv().scan(kAccount, from, end, 1);
    if (!next) return std::unexpected(next.error());
    if (next->empty()) break;
    const auto& [key, value] = next->front();
    const auto place = usage_place_of(std::string_view(key).substr(prefix.size()));
    if (!place) return unreadable("the key of a row of usage");
    if (place->mailbox == 0) {  // stays until the database is counted
      const auto usage = record::decode_usage(value);
      if (!usage) return std::unexpected(usage.error());
      total += *usage;
      from = key + '\0';
      continue;
    }
    MailboxFold mailbox(store, account, place->mailbox);
    const auto more = mailbox.read(kFoldAtOnce - folded, total);
    if (!more) return std::unexpected(more.error());
    folded += mailbox.rows();
    std::move(mailbox).compose(batch);
    if (*more) return true;
    from = prefix_end(usage_key(account, place->mailbox));
  }
  Quotas(store).folded(account, total);
  return false;
}

Result<std::optional<std::string>> next_account(const Store& store, std::string_view after) {
  const auto from = after.empty() ? std::string() : prefix_end(account_prefix(after));
  auto rows = store.kv().scan(kAccount, from, {}, 1);
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) return std::optional<std::string>{};
  std::string_view key = rows->front().first;
  const auto account = take_text(key);
  if (!account) return unreadable("the key of an account");
  return std::optional(std::string(*account));
}

namespace {

/// By mailbox.
using Usages = std::map<std::uint32_t, Usage>;

Result<Usages> count(const Store& store, std::string_view account) {
  Usages counted;
  for (const auto& mailbox : store.registry().all()) {
    if (account_of(mailbox.name) != account) continue;
    const auto id = mailbox.record.id;
    auto& sum = counted[id];
    auto done = scan_all(store.kv(), kMessage, message_key(id, 0), mailbox_end(id),
                         [&](const std::string&, const std::string& value) -> Result<void> {
                           const auto record = record::decode_message_record(value);
                           if (record) sum += record::usage_of_message(*record);
                           return {};
                         });
    if (!done) return std::unexpected(done.error());
  }
  return counted;
}

struct KeptRows {
  Usages sums;
  std::map<std::uint32_t, std::string> bases;
};
Result<KeptRows> by_mailbox(const std::vector<Kv::Row>& rows, std::string_view account) {
  KeptRows kept;
  for (const auto& [key, value] : rows) {
    const auto place = usage_place_of(std::string_view(key).substr(usage_key(account).size()));
    if (!place) return unreadable("the key of a row of usage");
    const auto usage = record::decode_usage(value);
    if (!usage) return std::unexpected(usage.error());
    kept.sums[place->mailbox] += *usage;
    if (place->modseq == 0) kept.bases[place->mailbox] = value;
  }
  return kept;
}

Usage sum_of(const Usages& usages) {
  Usage sum;
  for (const auto& [id, usage] : usages) sum += usage;
  return sum;
}

/// What makes the rows of one mailbox agree with what was counted.
void put_right(Kv::Batch& batch, std::string_view account, std::uint32_t mailbox, const KeptRows& kept,
               const Usage& counted) {
  const auto base = kept.bases.find(mailbox);
  const auto stored = base == kept.bases.end() ? std::nullopt : std::optional(base->second);
  if (mailbox == 0) {  // of before format 3: what it stood for is kept by mailbox now
    batch.preconditions.push_back({kAccount, usage_key(account), stored});
    batch.remove(kAccount, usage_key(account));
    return;
  }
  auto right = stored ? record::decode_folded_usage(*stored).value() : record::FoldedUsage{};
  right.sum += counted;
  right.sum += -kept.sums.at(mailbox);
  auto key = usage_key(account, mailbox, 0);
  batch.preconditions.push_back({kAccount, key, stored});
  batch.put(kAccount, std::move(key), encode(right));
}

}  // namespace

Result<Recount> recount(const Store& store, Kv::Batch& batch, std::string_view account) {
  auto before = usage_rows(store.kv(), account);
  if (!before) return std::unexpected(before.error());
  for (int i = 0; i < kRecounts; ++i) {
    auto counted = count(store, account);
    if (!counted) return std::unexpected(counted.error());
    auto after = usage_rows(store.kv(), account);
    if (!after) return std::unexpected(after.error());
    // Every change of a message has a row: where no row came, what was counted was there all at once.
    if (*before != *after) {
      before = std::move(after);
      continue;
    }
    auto kept = by_mailbox(*after, account);
    if (!kept) return std::unexpected(kept.error());
    const Recount result{sum_of(*counted), sum_of(kept->sums)};
    for (const auto& [id, usage] : *counted) kept->sums.try_emplace(id);
    for (const auto& [id, usage] : kept->sums) {
      if (id == 0 || usage != (*counted)[id]) put_right(batch, account, id, *kept, (*counted)[id]);
    }
    if (!batch.empty()) Quotas(store).folded(account, result.counted);
    return result;
  }
  return fail(Fault::temporary,
              "account '" + std::string(account) + "' changes all the while: try again when it is quiet");
}

Result<std::size_t> count_older_database(Store& store) {
  if (!store.registry().of_older_format()) return std::size_t{0};
  std::set<std::string> accounts;
  for (const auto& mailbox : store.registry().all()) accounts.emplace(account_of(mailbox.name));
  for (const auto& account : accounts) {
    Kv::Batch batch;
    const auto counted = recount(store, batch, account);
    if (!counted) return std::unexpected(counted.error());
    if (batch.empty()) continue;
    if (auto done = store.kv().commit(std::move(batch), Kv::Durability::synced); !done)
      return std::unexpected(done.error());
  }
  if (auto indexed = index_body_files(store); !indexed) return std::unexpected(indexed.error());
  // Only now: from here on every change keeps the rows right.
  Change change(&store.registry());
  Kv::Batch batch;
  store.registry().put_format(batch, change);
  if (auto done = store.kv().commit(std::move(batch), Kv::Durability::synced); !done)
    return std::unexpected(done.error());
  change.committed();
  return accounts.size();
}

}  // namespace hikyaku::store
