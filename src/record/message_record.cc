#include "record/message_record.h"

#include "record/frame.h"

namespace hikyaku::record {
namespace {

constexpr std::uint8_t kMailboxVersion = 2;
constexpr std::uint8_t kMessageVersion = 3;

enum MessageBits : unsigned {
  kSeen = 1,
  kAnswered = 2,
  kFlagged = 4,
  kDeleted = 8,
  kDraft = 16,
  kShared = 32
};

unsigned bits(const MessageRecord& record) {
  const auto& flags = record.flags;
  return (flags.seen ? kSeen : 0U) | (flags.answered ? kAnswered : 0U) | (flags.flagged ? kFlagged : 0U) |
         (flags.deleted ? kDeleted : 0U) | (flags.draft ? kDraft : 0U) | (record.shared ? kShared : 0U);
}

}  // namespace

std::string encode(const MailboxRecord& record) {
  FrameWriter out(kMailboxVersion, 24);
  out.number(record.id);
  out.number(record.uid_validity);
  out.number(record.uid_floor);
  out.number(record.modseq_floor);
  out.number(record.vanished_floor);
  out.number(record.vanished_rows);
  out.number(record.selectable ? 1 : 0);
  return std::move(out).finish();
}

Result<MailboxRecord> decode_mailbox_record(std::string_view stored) {
  FrameReader in(stored, kMailboxVersion, "mailbox record");
  MailboxRecord record;
  record.id = static_cast<std::uint32_t>(in.number(UINT32_MAX));
  record.uid_validity = static_cast<std::uint32_t>(in.number(UINT32_MAX));
  record.uid_floor = static_cast<std::uint32_t>(in.number(UINT32_MAX));
  if (in.version() >= 2) {
    record.modseq_floor = in.number();
    record.vanished_floor = in.number();
    record.vanished_rows = in.number();
    record.selectable = in.number(1) == 1;
  }
  if (auto done = in.finish(); !done) return std::unexpected(done.error());
  return record;
}

std::string encode(const MessageRecord& record) {
  const bool was_restored = record.restored != Time{};
  FrameWriter out(was_restored ? kMessageVersion : 2, record.prefix.size() + 160);
  out.number(bits(record));
  out.time(record.received);
  out.number(record.queue_id.value());
  out.address(record.sender);
  out.text(record.prefix);
  out.number(record.body_size);
  out.number(record.header_size);
  out.text(record.body_key);
  out.text(record.blob);
  out.number(record.modseq);
  record.keywords.write(out);
  if (was_restored) out.time(record.restored);
  return std::move(out).finish();
}

Result<MessageRecord> decode_message_record(std::string_view stored) {
  FrameReader in(stored, kMessageVersion, "message record");
  MessageRecord record;
  const auto flags = in.number(63);
  record.flags = {(flags & kSeen) != 0, (flags & kAnswered) != 0, (flags & kFlagged) != 0,
                  (flags & kDeleted) != 0, (flags & kDraft) != 0};
  record.shared = (flags & kShared) != 0;
  record.received = in.time();
  record.queue_id = QueueId(in.number());
  record.sender = in.address();
  record.prefix = in.text();
  record.body_size = in.number();
  record.header_size = in.number();
  record.body_key = in.text();
  record.blob = in.text();
  if (in.version() >= 2) {
    record.modseq = in.number();
    auto keywords = Keywords::read(in);
    if (!keywords) in.bad("its keywords are malformed");
    if (keywords) record.keywords = std::move(*keywords);
  }
  if (in.version() >= 3) record.restored = in.time();
  if (auto done = in.finish(); !done) return std::unexpected(done.error());
  return record;
}

}  // namespace hikyaku::record
