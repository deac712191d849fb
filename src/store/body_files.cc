#include "store/body_files.h"

#include <map>
#include <set>
#include <utility>

#include "base/varint.h"
#include "record/mailbox_rows.h"
#include "store/bodies.h"
#include "store/keys.h"
#include "store/registry.h"
#include "store/scan_all.h"
#include "store/store.h"

namespace hikyaku::store {
namespace {

constexpr std::size_t kIndexedAtOnce = 1000;

/// Whether there is exactly one file for each row of kFile, of the size that it tells: then no message can
/// miss its body, and no body its message, and the messages need not be read.
Result<bool> files_agree(const Kv& kv, const Blob& blob, const std::vector<std::string>& names) {
  auto name = names.begin();
  bool agree = true;
  auto rows =
      scan_all(kv, kFile, {}, {}, [&](const std::string& key, const std::string& value) -> Result<void> {
        std::string_view octets = value;
        const auto size = take_varint(octets);
        agree = agree && size && octets.empty() && name != names.end() && *name++ == key &&
                check_blob_size(blob, key, *size).has_value();
        return {};
      });
  if (!rows) return std::unexpected(rows.error());
  return agree && name == names.end();
}

}  // namespace

Result<std::vector<std::string>> Store::orphans(const std::function<void(const BadBody&)>& bad) const {
  auto names = blob_.names();
  if (!names) return names;
  if (!registry_->of_older_format()) {
    const auto agree = files_agree(kv_, blob_, *names);
    if (!agree) return std::unexpected(agree.error());
    if (*agree) return std::vector<std::string>{};
  }
  if (names->empty() && !bad) return names;
  std::map<std::uint32_t, std::string> mailboxes;
  if (bad) {
    const auto all = list_mailboxes();
    if (!all) return std::unexpected(all.error());
    for (const auto& mailbox : *all) mailboxes[mailbox.id] = mailbox.name;
  }
  std::set<std::string, std::less<>> left(names->begin(), names->end());
  bool unknown = false;
  const auto keep = [&](const auto& record, const std::string& blob) {
    if (record) {
      left.erase(blob);
    } else {
      unknown = true;
    }
  };
  auto messages =
      scan_all(kv_, kMessage, {}, {}, [&](const std::string& key, const std::string& value) -> Result<void> {
        const auto record = record::decode_message_record(value);
        keep(record, record ? record->blob : std::string());
        if (!bad || !record || record->blob.empty()) return {};
        const auto place = place_of(key);
        if (const auto fault = check_blob_size(blob_, record->blob, record->body_size); !fault && place)
          bad({mailboxes[place->mailbox], place->uid, fault.error().text});
        return {};
      });
  if (!messages) return std::unexpected(messages.error());
  const std::string from(kRemovedMessages);
  auto removed = scan_all(kv_, kRemoved, from, prefix_end(from),
                          [&](const std::string&, const std::string& value) -> Result<void> {
                            const auto record = record::decode_removed_message(value);
                            keep(record, record ? record->message.blob : std::string());
                            return {};
                          });
  if (!removed) return std::unexpected(removed.error());
  // A record that can't be read may name any of them: none is removed.
  if (unknown) left.clear();
  return std::vector<std::string>(left.begin(), left.end());
}

Result<void> index_body_files(Store& store) {
  Kv::Batch batch;
  const auto flush = [&]() -> Result<void> {
    return batch.empty() ? Result<void>{}
                         : store.kv().commit(std::exchange(batch, {}), Kv::Durability::written);
  };
  // A message that can't be read has none: then the files do not agree, and each start reads all messages.
  const auto note = [&](const record::MessageRecord& message) -> Result<void> {
    if (message.blob.empty()) return {};
    batch.put(kFile, message.blob, count_value(message.body_size));
    return batch.writes.size() < kIndexedAtOnce ? Result<void>{} : flush();
  };
  auto messages = scan_all(store.kv(), kMessage, {}, {},
                           [&](const std::string&, const std::string& value) -> Result<void> {
                             const auto record = record::decode_message_record(value);
                             return record ? note(*record) : Result<void>{};
                           });
  if (!messages) return messages;
  const std::string from(kRemovedMessages);
  auto removed = scan_all(store.kv(), kRemoved, from, prefix_end(from),
                          [&](const std::string&, const std::string& value) -> Result<void> {
                            const auto record = record::decode_removed_message(value);
                            return record ? note(record->message) : Result<void>{};
                          });
  if (!removed) return removed;
  return flush();
}

}  // namespace hikyaku::store
