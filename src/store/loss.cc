#include "store/loss.h"

#include <algorithm>

#include "mail/header.h"
#include "store/keys.h"
#include "store/registry.h"
#include "store/scan_all.h"

namespace hikyaku::store {
namespace {

constexpr std::size_t kHeaderKept = 16384;  // octets of a body in which its subject is looked for
constexpr std::size_t kScanRows = 256;

std::optional<std::uint32_t> mailbox_of(std::string_view key) {
  if (key.size() != 2 * sizeof(std::uint32_t)) return std::nullopt;
  std::uint32_t id = 0;
  for (const char c : key.substr(0, sizeof id)) id = id << 8 | static_cast<unsigned char>(c);
  return id;
}

std::string subject_of(std::string_view body) {
  mail::HeaderFields fields(body.substr(0, mail::find_header_end(body).header));
  while (const auto field = fields.next()) {
    if (!mail::same_header_name(field->name, "subject")) continue;
    auto value = field->value;
    while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
    return std::string(value);
  }
  return {};
}

/// What the tables alone hold of the mailboxes.
struct Tables {
  std::map<std::uint32_t, std::string> names;
  std::map<std::uint32_t, Uid> floors;
};
Result<Tables> read_mailboxes(const Kv& kv) {
  Tables tables;
  for (std::string from;;) {
    const auto rows = kv.scan(kMailbox, from, {}, kScanRows);
    if (!rows) return std::unexpected(rows.error());
    for (const auto& [name, value] : *rows) {
      const auto record = record::decode_mailbox_record(value);
      if (!record) continue;
      tables.names[record->id] = name;
      tables.floors[record->id] = record->uid_floor;
    }
    if (rows->size() < kScanRows) return tables;
    from = rows->back().first + '\0';
  }
}

/// UIDs of the mailbox that the tables hold, from `from` on.
Result<std::set<Uid>> uids_from(const Kv& kv, std::uint32_t mailbox, Uid from) {
  std::set<Uid> uids;
  for (auto key = message_key(mailbox, from);;) {
    const auto rows = kv.scan(kMessage, key, mailbox_end(mailbox), kScanRows);
    if (!rows) return std::unexpected(rows.error());
    for (const auto& row : *rows) {
      if (const auto uid = uid_of(row.first)) uids.insert(*uid);
    }
    if (rows->size() < kScanRows) return uids;
    key = rows->back().first + '\0';
  }
}

}  // namespace

void LossSurvey::row(Kv::Space space, std::string_view key, std::optional<std::string_view> value,
                     bool intact) {
  if (space == kMailbox && value) {
    if (const auto record = record::decode_mailbox_record(*value)) {
      auto& name = names_[record->id];
      if (intact || name.empty()) name = key;
    }
    return;
  }
  if (space == kDelivery && value) {
    const auto id_octets = record::QueueId().key().size();
    // In a log the time of writing stands behind it.
    const auto place = place_of(value->substr(0, message_key(0, 0).size()));
    if (place && intact) boxes_[place->mailbox].arrived.insert(place->uid);
    if (place && key.size() > id_octets) {
      if (const auto recipient = mail::Address::from_internal(key.substr(id_octets)))
        recipients_.try_emplace(place->mailbox, mailbox_name(*recipient));
    }
    return;
  }
  if (space == kBody && value && intact) bodies_.emplace(key);
  if (space == kBody && value && !intact) headers_[std::string(key)] = value->substr(0, kHeaderKept);
  if (space != kMessage) return;
  const auto mailbox = mailbox_of(key);
  const auto uid = uid_of(key);
  if (!mailbox || !uid || *uid == 0) return;
  auto& box = boxes_[*mailbox];
  if (!value) {
    if (!intact) ++other_changes_;
    return;
  }
  if (intact) {
    const bool fresh = box.delivered.insert(*uid).second;
    if (!fresh || gaps_ == 0) return;
    box.after_gap.insert(*uid);
    // A new message, or one of which the flags were changed: then its body may be in the gap.
    auto message = record::decode_message_record(*value);
    if (message && message->blob.empty()) box.changed[*uid] = std::move(*message);
    return;
  }
  if (box.delivered.contains(*uid)) {
    ++other_changes_;
    return;
  }
  if (auto message = record::decode_message_record(*value)) {
    box.damaged[*uid] = std::move(*message);
  } else {
    box.unreadable.insert(*uid);
  }
}

LostMessage LossSurvey::describe(Uid uid, const record::MessageRecord& message) const {
  LostMessage lost;
  lost.uid = uid;
  lost.sender = message.sender.null() ? "<>" : message.sender.text();
  lost.received = message.received;
  lost.size = message.prefix.size() + message.body_size;
  if (const auto body = headers_.find(message.body_key); body != headers_.end())
    lost.subject = subject_of(body->second);
  return lost;
}

/// What is in tables already, or came in the gap, may only have been changed behind it: that it is there says
/// nothing of the UIDs before it.
std::optional<Uid> LossSurvey::first_new_after_gap(const Box& box, Uid from) const {
  const auto begin = box.after_gap.lower_bound(from);
  const auto at = std::find_if(begin, box.after_gap.end(), [&](Uid uid) {
    const auto message = box.changed.find(uid);
    return box.arrived.contains(uid) ||
           (message != box.changed.end() && bodies_.contains(message->second.body_key));
  });
  if (at != box.after_gap.end()) return *at;
  return begin == box.after_gap.end() ? std::nullopt : std::optional(*begin);
}

std::string LossSurvey::name_of(std::uint32_t mailbox,
                                const std::map<std::uint32_t, std::string>& in_tables) const {
  for (const auto* names : {&names_, &in_tables, &recipients_}) {
    if (const auto name = names->find(mailbox); name != names->end()) return name->second;
  }
  return "mailbox number " + std::to_string(mailbox);
}

Result<std::vector<MailboxLoss>> LossSurvey::finish(const Kv* tables) const {
  Tables known;
  if (tables != nullptr) {
    auto read = read_mailboxes(*tables);
    if (!read) return std::unexpected(read.error());
    known = std::move(*read);
  }
  std::vector<MailboxLoss> losses;
  for (const auto& [id, box] : boxes_) {
    std::set<Uid> candidates(box.unreadable);
    for (const auto& [uid, message] : box.damaged) candidates.insert(uid);
    // UIDs are given one after the other: what is between two of this mailbox, with a gap before the second,
    // was in the gap.
    std::set<Uid> there(box.delivered);
    Uid from = 1;
    if (tables != nullptr) {
      const auto floor = known.floors.contains(id) ? known.floors.at(id) : 1;
      const auto stored = uids_from(*tables, id, 1);
      if (!stored) return std::unexpected(stored.error());
      there.insert(stored->begin(), stored->end());
      from = std::max(floor, stored->empty() ? 1 : *stored->rbegin() + 1);
    } else if (!there.empty()) {
      from = *there.begin();
    }
    if (const auto first = first_new_after_gap(box, tables == nullptr ? 1 : from)) {
      for (Uid uid = from; uid < *box.delivered.rbegin(); ++uid) {
        if (!there.contains(uid) && (uid < *first || gaps_ > 1)) candidates.insert(uid);
      }
    }
    for (const auto uid : there) candidates.erase(uid);
    std::map<Uid, const record::MessageRecord*> bodiless;
    for (const auto& [uid, message] : box.changed) {
      if (bodies_.contains(message.body_key)) continue;
      if (tables != nullptr) {
        const auto body = tables->get(kBody, message.body_key);
        if (!body) return std::unexpected(body.error());
        if (*body) continue;
      } else if (!headers_.contains(message.body_key)) {
        continue;
      }
      bodiless[uid] = &message;
      candidates.insert(uid);
    }
    const auto name = name_of(id, known.names);
    for (const auto uid : candidates) {
      if (losses.empty() || losses.back().mailbox != name || losses.back().last + 1 != uid)
        losses.push_back({name, uid, uid, {}});
      losses.back().last = uid;
      if (const auto message = box.damaged.find(uid); message != box.damaged.end()) {
        losses.back().known.push_back(describe(uid, message->second));
      } else if (const auto body = bodiless.find(uid); body != bodiless.end()) {
        losses.back().known.push_back(describe(uid, *body->second));
      }
    }
  }
  std::ranges::sort(losses, {}, [](const MailboxLoss& loss) { return std::pair(loss.mailbox, loss.first); });
  return losses;
}

Result<void> skip_given(Kv& kv, std::uint64_t changes) {
  const Registry registry(kv);
  Kv::Batch batch;
  auto rows =
      scan_all(kv, kMailbox, {}, {}, [&](const std::string& name, const std::string& value) -> Result<void> {
        auto record = record::decode_mailbox_record(value);
        if (!record) return {};  // check() names it
        const auto uid = registry.seek_next_uid(*record);
        if (!uid) return std::unexpected(uid.error());
        const auto modseq = registry.seek_next_modseq(*record);
        if (!modseq) return std::unexpected(modseq.error());
        const auto room = std::uint64_t{UINT32_MAX} - *uid;
        record->uid_floor = static_cast<Uid>(*uid + std::min(changes, room));
        // Changes may be lost whose sum is kept: no later one may have their number (FoldedUsage::below).
        // Where the sum can't be read, counting fails, and check() names it.
        const auto usage = kv.get(kAccount, usage_key(account_of(name), record->id, 0));
        if (!usage) return std::unexpected(usage.error());
        const auto folded = *usage ? record::decode_folded_usage(**usage) : record::FoldedUsage{};
        record->modseq_floor = std::max(*modseq, folded ? folded->below : 0) + changes;
        batch.put(kMailbox, name, encode(*record));
        return {};
      });
  if (!rows || batch.empty()) return rows;
  return kv.commit(std::move(batch), Kv::Durability::synced);
}

}  // namespace hikyaku::store
