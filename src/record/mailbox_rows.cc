#include "record/mailbox_rows.h"

#include <utility>

#include "record/frame.h"

namespace hikyaku::record {
namespace {

constexpr std::uint8_t kVersion = 1;  // of each of them but
constexpr std::uint8_t kUsageVersion = 2;
constexpr std::uint8_t kFoldedUsageVersion = 3;

}  // namespace

std::string encode(const RemovedMessage& removed) {
  const auto message = encode(removed.message);
  FrameWriter out(kVersion, message.size() + 16);
  out.time(removed.removed);
  out.text(message);
  return std::move(out).finish();
}

Result<RemovedMessage> decode_removed_message(std::string_view stored) {
  FrameReader in(stored, kVersion, "removed message");
  RemovedMessage removed;
  removed.removed = in.time();
  const auto message = in.text();
  if (auto done = in.finish(); !done) return std::unexpected(done.error());
  auto record = decode_message_record(message);
  if (!record) return std::unexpected(record.error());
  removed.message = std::move(*record);
  return removed;
}

std::string encode(const RemovedMailbox& removed) {
  FrameWriter out(kVersion, removed.name.size() + 64);
  out.time(removed.removed);
  out.text(removed.name);
  out.text(encode(removed.mailbox));
  out.number(removed.purging ? 1 : 0);
  return std::move(out).finish();
}

Result<RemovedMailbox> decode_removed_mailbox(std::string_view stored) {
  FrameReader in(stored, kVersion, "removed mailbox");
  RemovedMailbox removed;
  removed.removed = in.time();
  removed.name = in.text();
  const auto mailbox = in.text();
  removed.purging = in.number(1) == 1;
  if (auto done = in.finish(); !done) return std::unexpected(done.error());
  auto record = decode_mailbox_record(mailbox);
  if (!record) return std::unexpected(record.error());
  removed.mailbox = *record;
  return removed;
}

std::string encode(const Usage& usage) {
  FrameWriter out(kUsageVersion, 16);
  out.signed_number(usage.octets);
  out.signed_number(usage.messages);
  out.signed_number(usage.unseen);
  return std::move(out).finish();
}

std::string encode(const FoldedUsage& usage) {
  FrameWriter out(kFoldedUsageVersion, 24);
  out.signed_number(usage.sum.octets);
  out.signed_number(usage.sum.messages);
  out.signed_number(usage.sum.unseen);
  out.number(usage.below);
  return std::move(out).finish();
}

Result<FoldedUsage> decode_folded_usage(std::string_view stored) {
  FrameReader in(stored, kFoldedUsageVersion, "row of usage");
  FoldedUsage usage;
  usage.sum.octets = in.signed_number();
  usage.sum.messages = in.signed_number();
  if (in.version() >= 2) usage.sum.unseen = in.signed_number();
  if (in.version() >= 3) usage.below = in.number();
  if (auto done = in.finish(); !done) return std::unexpected(done.error());
  return usage;
}

Result<Usage> decode_usage(std::string_view stored) {
  const auto usage = decode_folded_usage(stored);
  if (!usage) return std::unexpected(usage.error());
  return usage->sum;
}

std::string encode(const Quota& quota) {
  FrameWriter out(kVersion, 16);
  out.number(quota.octets);
  out.number(quota.messages);
  return std::move(out).finish();
}

Result<Quota> decode_quota(std::string_view stored) {
  FrameReader in(stored, kVersion, "quota");
  Quota quota;
  quota.octets = in.number();
  quota.messages = in.number();
  if (auto done = in.finish(); !done) return std::unexpected(done.error());
  return quota;
}

std::string encode(const MailboxFloors& floors) {
  FrameWriter out(kVersion, 16);
  out.number(floors.last_id);
  out.number(floors.last_uid_validity);
  return std::move(out).finish();
}

Result<MailboxFloors> decode_mailbox_floors(std::string_view stored) {
  FrameReader in(stored, kVersion, "floors of mailboxes");
  MailboxFloors floors;
  floors.last_id = static_cast<std::uint32_t>(in.number(UINT32_MAX));
  floors.last_uid_validity = static_cast<std::uint32_t>(in.number(UINT32_MAX));
  if (auto done = in.finish(); !done) return std::unexpected(done.error());
  return floors;
}

std::string encode(const MovedAccount& moved) {
  FrameWriter out(kVersion, moved.from.size() + moved.to.size() + 16);
  out.time(moved.begun);
  out.text(moved.from);
  out.text(moved.to);
  return std::move(out).finish();
}

Result<MovedAccount> decode_moved_account(std::string_view stored) {
  FrameReader in(stored, kVersion, "moved account");
  MovedAccount moved;
  moved.begun = in.time();
  moved.from = in.text();
  moved.to = in.text();
  if (auto done = in.finish(); !done) return std::unexpected(done.error());
  return moved;
}

std::string encode_uids(const std::vector<std::uint32_t>& uids) {
  FrameWriter out(kVersion, uids.size() * 2 + 8);
  out.number(uids.size());
  std::uint32_t last = 0;
  for (const auto uid : uids) out.number(uid - std::exchange(last, uid));
  return std::move(out).finish();
}

Result<std::vector<std::uint32_t>> decode_uids(std::string_view stored) {
  FrameReader in(stored, kVersion, "list of UIDs");
  std::vector<std::uint32_t> uids;
  const auto count = in.count();
  uids.reserve(count);
  std::uint32_t last = 0;
  for (std::size_t i = 0; i < count && in.good(); ++i) {
    const auto step = in.number(UINT32_MAX - last);
    if (step == 0) in.bad("its UIDs do not ascend");
    last += static_cast<std::uint32_t>(step);
    uids.push_back(last);
  }
  if (auto done = in.finish(); !done) return std::unexpected(done.error());
  return uids;
}

}  // namespace hikyaku::record
