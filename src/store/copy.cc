#include "store/copy.h"

#include "store/bodies.h"
#include "store/keys.h"
#include "store/message_rows.h"
#include "store/registry.h"
#include "store/usage.h"

namespace hikyaku::store {
namespace {

/// Both ends of a copy, ready to be composed.
struct Way {
  Registry::Mailbox from;
  FoundMessages found;
  record::Usage usage;
};

Result<Way> prepare(const Store& store, Kv::Batch& batch, std::string_view from, const std::vector<Uid>& uids,
                    std::string_view to) {
  auto source = store.registry().find(from);
  if (!source) return std::unexpected(source.error());
  if (const auto target = store.registry().find(to); !target) return std::unexpected(target.error());
  auto found = messages_for_change(store, batch, *source, uids);
  if (!found) return std::unexpected(found.error());
  const auto usage = usage_of_messages(found->messages);
  return Way{std::move(*source), std::move(*found), usage};
}

/// Puts the messages into `to`, under new UIDs.
Result<void> put_in(Store& store, Kv::Batch& batch, std::string_view to, const Way& way, Copied& result) {
  const auto& messages = way.found.messages;
  const auto given = store.registry().give(batch, to, {}, Registry::Missing::refuse,
                                           static_cast<std::uint32_t>(messages.size()), result.change);
  if (!given) return std::unexpected(given.error());
  result.uid_validity = given->uid_validity;
  auto uid = given->first_uid;
  for (const auto& [old_uid, old] : messages) {
    auto record = old;
    record.modseq = given->modseq;
    batch.put(kMessage, message_key(given->mailbox, uid), encode(record));
    batch.put(kChange, changed_key(given->mailbox, given->modseq, uid), {});
    result.uids.emplace_back(old_uid, uid++);
  }
  store.registry().add_usage(batch, to, *given, way.usage, result.change);
  return {};
}

}  // namespace

Result<Copied> copy(Store& store, Kv::Batch& batch, std::string_view from, const std::vector<Uid>& uids,
                    std::string_view to) {
  Copied result{Change(&store.registry()), false, 0, {}, {}};
  auto way = prepare(store, batch, from, uids, to);
  if (!way) return std::unexpected(way.error());
  result.missing = way->found.missing;
  if (way->found.messages.empty()) return result;
  const auto room = has_room(store, account_of(to), way->usage);
  if (!room) return std::unexpected(room.error());
  if (!*room) {
    result.over_quota = true;
    return result;
  }
  BodyChanges bodies(store.kv(), batch);
  for (auto& [uid, record] : way->found.messages) {
    if (auto shared = bodies.share(record); !shared) return std::unexpected(shared.error());
    if (record.shared) continue;
    record.shared = true;
    batch.put(kMessage, message_key(way->from.record.id, uid), encode(record));
  }
  std::vector<std::string> none;
  bodies.finish(none);
  if (auto put = put_in(store, batch, to, *way, result); !put) return std::unexpected(put.error());
  return result;
}

Result<Copied> move(Store& store, Kv::Batch& batch, std::string_view from, const std::vector<Uid>& uids,
                    std::string_view to) {
  Copied result{Change(&store.registry()), false, 0, {}, {}};
  auto way = prepare(store, batch, from, uids, to);
  if (!way) return std::unexpected(way.error());
  result.missing = way->found.missing;
  if (way->found.messages.empty()) return result;
  if (account_of(from) != account_of(to)) {
    const auto room = has_room(store, account_of(to), way->usage);
    if (!room) return std::unexpected(room.error());
    if (!*room) {
      result.over_quota = true;
      return result;
    }
  }
  if (auto put = put_in(store, batch, to, *way, result); !put) return std::unexpected(put.error());
  const auto given = take_out(store, batch, from, way->found.messages, result.change);
  if (!given) return std::unexpected(given.error());
  store.registry().add_usage(batch, from, *given, -way->usage, result.change);
  return result;
}

}  // namespace hikyaku::store
