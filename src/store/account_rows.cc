#include "store/account_rows.h"

#include "store/keys.h"
#include "store/mailbox_name.h"
#include "store/registry.h"
#include "store/scan_all.h"

namespace hikyaku::store {

Result<std::vector<BoxRow>> boxes_of(const Kv& kv, std::string_view account) {
  std::vector<BoxRow> boxes;
  auto done = each_mailbox_row(kv, account, [&](const std::string& name, const std::string& value) {
    auto record = record::decode_mailbox_record(value);
    if (!record)
      return Result<void>(fail(record.error().fault, "mailbox '" + name + "': " + record.error().text));
    boxes.push_back({name, *record});
    return Result<void>();
  });
  if (!done) return std::unexpected(done.error());
  return boxes;
}

Result<std::vector<record::RemovedMailbox>> removed_boxes_of(const Kv& kv, std::string_view account) {
  std::vector<record::RemovedMailbox> boxes;
  const std::string from(kRemovedMailboxes);
  auto done = scan_all(kv, kRemoved, from, prefix_end(from),
                       [&](const std::string&, const std::string& value) -> Result<void> {
                         auto removed = record::decode_removed_mailbox(value);
                         if (!removed) return std::unexpected(removed.error());
                         if (account_of(removed->name) == account) boxes.push_back(std::move(*removed));
                         return {};
                       });
  if (!done) return std::unexpected(done.error());
  return boxes;
}

Result<void> remove_range(MoveEnd& end, Kv::Space space, const std::string& from, const std::string& to) {
  BatchedWriter out(end);
  auto done = scan_all(end.store.kv(), space, from, to, [&](const std::string& key, const std::string&) {
    out.remove(space, key);
    return out.flush_when_full();
  });
  return done ? out.flush() : done;
}

}  // namespace hikyaku::store
