#include "queue/loss.h"

#include "queue/spaces.h"
#include "record/queue_entry.h"

namespace hikyaku::queue {

void LossSurvey::row(Kv::Space space, std::string_view key, std::optional<std::string_view> value,
                     bool intact) {
  if (space != kEntry && space != kBody) return;
  const auto id = record::QueueId::from_key(key);
  if (!id) return;
  if (space == kBody) {
    if (value && !intact) bodies_.insert(*id);
    return;
  }
  if (intact) {
    if (value) {
      there_.insert(*id);
    } else {
      ended_.insert(*id);
    }
    return;
  }
  if (!value) return;
  fill(*id, *value);
}

void LossSurvey::fill(record::QueueId id, std::string_view stored) {
  auto& lost = damaged_[id];
  lost.id = id;
  const auto entry = record::decode_queue_entry(stored);
  if (!entry) return;
  lost.sender = entry->sender.null() ? "<>" : entry->sender.text();
  lost.recipients.clear();
  for (const auto& recipient : entry->recipients) {
    if (recipient.state == record::RecipientState::pending)
      lost.recipients.push_back(recipient.address.text());
  }
}

Result<std::vector<LostEntry>> LossSurvey::finish(const Kv* tables) const {
  const auto stored = [&](Kv::Space space, record::QueueId id) -> Result<bool> {
    if (tables == nullptr) return false;
    const auto value = tables->get(space, id.key());
    if (!value) return std::unexpected(value.error());
    return value->has_value();
  };
  std::map<record::QueueId, LostEntry> lost;
  for (const auto& [id, entry] : damaged_) {
    if (ended_.contains(id)) continue;
    const auto elsewhere = there_.contains(id) ? Result<bool>(true) : stored(kEntry, id);
    if (!elsewhere) return std::unexpected(elsewhere.error());
    if (!*elsewhere) lost[id] = entry;
  }
  for (const auto id : bodies_) {
    if (ended_.contains(id) || lost.contains(id)) continue;
    const auto elsewhere = stored(kBody, id);
    if (!elsewhere) return std::unexpected(elsewhere.error());
    if (*elsewhere) continue;
    const auto entry = damaged_.find(id);
    lost[id] = entry == damaged_.end() ? LostEntry{id, {}, {}} : entry->second;
  }
  std::vector<LostEntry> all;
  for (auto& [id, entry] : lost) all.push_back(std::move(entry));
  return all;
}

}  // namespace hikyaku::queue
