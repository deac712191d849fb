#include "store/nameless.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "record/mailbox_rows.h"
#include "record/message_record.h"
#include "store/keys.h"
#include "store/mailbox_name.h"
#include "store/scan_all.h"

namespace hikyaku::store {
namespace {

struct Found {
  std::set<std::string, std::less<>> names;
  std::set<std::uint32_t> ids;            // that have a row, also removed ones
  std::uint32_t uid_validity = 0;         // the highest
  std::map<std::uint32_t, Uid> nameless;  // with their last UID
};

Result<Found> look(const Kv& kv) {
  Found found;
  const auto note = [&](const record::MailboxRecord& record) {
    found.ids.insert(record.id);
    found.uid_validity = std::max(found.uid_validity, record.uid_validity);
  };
  bool unreadable = false;
  auto rows =
      scan_all(kv, kMailbox, {}, {}, [&](const std::string& name, const std::string& value) -> Result<void> {
        found.names.insert(name);
        const auto record = record::decode_mailbox_record(value);
        if (record) note(*record);
        unreadable = unreadable || !record;
        return {};
      });
  if (!rows) return std::unexpected(rows.error());
  const std::string from(kRemovedMailboxes);
  rows = scan_all(kv, kRemoved, from, prefix_end(from),
                  [&](const std::string&, const std::string& value) -> Result<void> {
                    const auto removed = record::decode_removed_mailbox(value);
                    if (removed) note(removed->mailbox);
                    unreadable = unreadable || !removed;
                    return {};
                  });
  if (!rows) return std::unexpected(rows.error());
  if (unreadable) return found;  // whose row can't be read has a name
  rows = scan_all(kv, kMessage, {}, {}, [&](const std::string& key, const std::string&) -> Result<void> {
    const auto place = place_of(key);
    if (place && !found.ids.contains(place->mailbox)) found.nameless[place->mailbox] = place->uid;
    return {};
  });
  if (!rows) return std::unexpected(rows.error());
  return found;
}

/// Who got mail in them.
Result<std::map<std::uint32_t, std::string>> owners(const Kv& kv, const Found& found) {
  std::map<std::uint32_t, std::string> owners;
  const auto id_octets = record::QueueId().key().size();
  auto rows =
      scan_all(kv, kDelivery, {}, {}, [&](const std::string& key, const std::string& value) -> Result<void> {
        const auto place = place_of(value);
        if (!place || !found.nameless.contains(place->mailbox) || key.size() <= id_octets) return {};
        const auto recipient = mail::Address::from_internal(key.substr(id_octets));
        if (recipient) owners.try_emplace(place->mailbox, mailbox_name(*recipient));
        return {};
      });
  if (!rows) return std::unexpected(rows.error());
  return owners;
}

}  // namespace

Result<void> name_nameless_mailboxes(Kv& kv, const std::function<void(const Problem&)>& report) {
  auto found = look(kv);
  if (!found) return std::unexpected(found.error());
  if (found->nameless.empty()) return {};
  const auto by_mail = owners(kv, *found);
  if (!by_mail) return std::unexpected(by_mail.error());
  Kv::Batch batch;
  for (const auto& [id, last] : found->nameless) {
    const auto owner = by_mail->find(id);
    auto name = owner == by_mail->end() ? "recovered/" + std::to_string(id) : owner->second;
    // Mail that came after the loss has made another one of the name.
    if (found->names.contains(name)) name += kDelimiter + ("recovered " + std::to_string(id));
    found->names.insert(name);
    record::MailboxRecord record;
    record.id = id;
    record.uid_validity = ++found->uid_validity;
    record.uid_floor = last + 1;
    batch.put(kMailbox, name, encode(record));
    report({Problem::Kind::no_mailbox, name, 0,
            "its row was lost; its messages have it again as their mailbox, number " + std::to_string(id),
            true});
  }
  return kv.commit(std::move(batch), Kv::Durability::synced);
}

}  // namespace hikyaku::store
