#include "store/store.h"

#include <algorithm>
#include <map>
#include <utility>

#include "store/bodies.h"
#include "store/keys.h"
#include "store/registry.h"
#include "store/usage.h"

namespace hikyaku::store {

std::vector<KvSpace> spaces(std::chrono::seconds delivery_memory) {
  return {{"mailbox"}, {"message"}, {"body", true}, {"references"}, {"delivery", false, delivery_memory},
          {"meta"},    {"change"},  {"removed"},    {"account"},    {"envelope"},
          {"file"}};
}

Store::Store(Kv& kv, const Blob& blob, Here here)
    : kv_(kv), blob_(blob), registry_(std::make_unique<Registry>(kv, std::move(here))) {}
Store::~Store() = default;

Result<std::unique_ptr<Store>> Store::open(Kv& kv, Blob& blob, Here here) {
  std::unique_ptr<Store> store(new Store(kv, blob, std::move(here)));
  if (auto read = store->registry_->read(); !read) return std::unexpected(read.error());
  return store;
}

void Store::set_default_quota(const record::Quota& quota) { registry_->set_default_quota(quota); }

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

Result<std::vector<Store::Outcome>> Store::outcomes(const std::vector<Target>& targets,
                                                    const Message& message) {
  const auto delivered = already_delivered(targets, message.queue_id);
  if (!delivered) return std::unexpected(delivered.error());
  std::vector<Outcome> outcomes(targets.size());
  std::map<std::string_view, record::Usage> planned;  // two targets may be of one account
  for (std::size_t i = 0; i < targets.size(); ++i) {
    if ((*delivered)[i]) {
      outcomes[i].kind = Outcome::Kind::had_already;
      continue;
    }
    const auto account = account_of(targets[i].mailbox);
    auto wanted = planned[account];
    wanted += {static_cast<std::int64_t>(targets[i].prefix.size() + message.size), 1};
    const auto room = has_room(*this, account, wanted);
    if (!room) return std::unexpected(room.error());
    if (*room) {
      planned[account] = wanted;
    } else {
      outcomes[i].kind = Outcome::Kind::over_quota;
    }
  }
  return outcomes;
}

Result<Store::Delivery> Store::deliver(Kv::Batch& batch, const std::vector<Target>& targets,
                                       const Message& message, std::string body) {
  Delivery delivery(registry_.get());
  auto decided = outcomes(targets, message);
  if (!decided) return std::unexpected(decided.error());
  delivery.outcomes_ = std::move(*decided);
  delivery.uids_.resize(targets.size());
  const auto fresh =
      static_cast<std::size_t>(std::ranges::count(delivery.outcomes_, Outcome::Kind::added, &Outcome::kind));
  if (fresh == 0) return delivery;
  record::MessageRecord record;
  record.received = message.received;
  record.queue_id = message.queue_id;
  record.sender = message.sender;
  record.body_size = message.size;
  record.header_size = message.header_size;
  record.blob = message.blob;
  record.shared = fresh > 1;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    auto& outcome = delivery.outcomes_[i];
    if (outcome.kind != Outcome::Kind::added) continue;
    const auto& target = targets[i];
    const auto given = registry_->give(batch, target.mailbox, message.received, Registry::Missing::make, 1,
                                       delivery.change_);
    if (!given) return std::unexpected(given.error());
    outcome.uid = delivery.uids_[i] = given->first_uid;
    auto key = message_key(given->mailbox, given->first_uid);
    // The first copy's own key names the body: it is never given again.
    if (record.body_key.empty()) record.body_key = key;
    record.prefix = target.prefix;
    record.modseq = given->modseq;
    batch.put(kMessage, key, encode(record));
    batch.put(kChange, changed_key(given->mailbox, given->modseq, given->first_uid), {});
    batch.put(kDelivery, delivery_key(message.queue_id, target.recipient), std::move(key));
    registry_->add_usage(batch, target.mailbox, *given, record::usage_of_message(record), delivery.change_);
  }
  if (message.blob.empty()) {
    batch.put(kBody, record.body_key, std::move(body));
  } else {
    batch.put(kFile, message.blob, count_value(message.size));
  }
  if (record.shared) batch.put(kReferences, record.body_key, count_value(fresh));
  if (message.envelope) batch.put(kEnvelope, record.body_key, encode(*message.envelope));
  return delivery;
}

}  // namespace hikyaku::store
