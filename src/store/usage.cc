#include "store/usage.h"

#include <algorithm>
#include <set>

#include "base/varint.h"
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

std::optional<std::string> base_value(const std::vector<Kv::Row>& rows, const std::string& key) {
  if (rows.empty() || rows.front().first != key) return std::nullopt;
  return rows.front().second;
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

Result<bool> fold_usage(Store& store, Kv::Batch& batch, std::string_view account) {
  const auto key = usage_key(account);
  auto rows = store.kv().scan(kAccount, key, prefix_end(key), kFoldAtOnce);
  if (!rows) return std::unexpected(rows.error());
  const bool more = rows->size() == kFoldAtOnce;
  const auto base = base_value(*rows, key);
  const auto sum = sum_of(*rows);
  if (!sum) return std::unexpected(sum.error());
  Quotas(store).folded(account, more ? std::nullopt : std::optional(*sum));
  if (rows->size() == (base ? 1U : 0U)) return false;
  // Rows are only ever removed together with a change of the first.
  batch.preconditions.push_back({kAccount, key, base});
  for (auto& row : *rows) {
    if (row.first != key) batch.remove(kAccount, std::move(row.first));
  }
  batch.put(kAccount, key, encode(*sum));
  return more;
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

Result<Usage> count(const Store& store, std::string_view account) {
  Usage sum;
  for (const auto& mailbox : store.registry().all()) {
    if (account_of(mailbox.name) != account) continue;
    const auto id = mailbox.record.id;
    auto done = scan_all(store.kv(), kMessage, message_key(id, 0), mailbox_end(id),
                         [&](const std::string&, const std::string& value) -> Result<void> {
                           const auto record = record::decode_message_record(value);
                           if (!record) return std::unexpected(record.error());
                           sum += {static_cast<std::int64_t>(record->prefix.size() + record->body_size), 1};
                           return {};
                         });
    if (!done) return std::unexpected(done.error());
  }
  return sum;
}

}  // namespace

Result<Recount> recount(const Store& store, Kv::Batch& batch, std::string_view account) {
  const auto key = usage_key(account);
  auto before = usage_rows(store.kv(), account);
  if (!before) return std::unexpected(before.error());
  for (int i = 0; i < kRecounts; ++i) {
    const auto counted = count(store, account);
    if (!counted) return std::unexpected(counted.error());
    auto after = usage_rows(store.kv(), account);
    if (!after) return std::unexpected(after.error());
    // Every change of a message has a row: where no row came, what was counted was there all at once.
    if (*before != *after) {
      before = std::move(after);
      continue;
    }
    const auto kept = sum_of(*after);
    if (!kept) return std::unexpected(kept.error());
    if (*kept == *counted) return Recount{*counted, *kept};
    const auto base = base_value(*after, key);
    Usage right = base ? record::decode_usage(*base).value() : Usage{};
    right += *counted;
    right += -*kept;
    batch.preconditions.push_back({kAccount, key, base});
    batch.put(kAccount, key, encode(right));
    Quotas(store).folded(account, *counted);
    return Recount{*counted, *kept};
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
