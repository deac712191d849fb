#include "record/queue_entry.h"

#include "record/client_fields.h"
#include "record/frame.h"

namespace hikyaku::record {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::string_view kWhat = "queue entry";
constexpr std::size_t kUsualSize = 384;

enum EntryBits : unsigned { kEightBit = 1, kSmtpUtf8 = 2, kLocal = 4, kHold = 8, kWarned = 16 };
enum RecipientBits : unsigned {
  kNever = 1,
  kSuccess = 2,
  kFailure = 4,
  kDelay = 8,
  kReported = 16,
  kSameOriginal = 32
};

unsigned bits(const Recipient& recipient) {
  const auto& notify = recipient.notify;
  return (notify.never ? kNever : 0U) | (notify.success ? kSuccess : 0U) | (notify.failure ? kFailure : 0U) |
         (notify.delay ? kDelay : 0U) | (recipient.reported ? kReported : 0U) |
         (recipient.original == recipient.address ? kSameOriginal : 0U);
}

unsigned bits(const QueueEntry& entry) {
  return (entry.body_type == BodyType::eight_bit ? kEightBit : 0U) | (entry.smtputf8 ? kSmtpUtf8 : 0U) |
         (entry.rewrite_context == RewriteContext::local ? kLocal : 0U) | (entry.hold ? kHold : 0U) |
         (entry.warned ? kWarned : 0U);
}

void put(FrameWriter& out, const Recipient& recipient) {
  const auto flags = bits(recipient);
  out.number(flags);
  out.number(static_cast<std::uint64_t>(recipient.state));
  out.address(recipient.address);
  if ((flags & kSameOriginal) == 0) out.address(recipient.original);
  out.text(recipient.orcpt);
  out.number(recipient.attempts);
  out.text(recipient.status);
  out.text(recipient.reply);
}

Recipient take_recipient(FrameReader& in) {
  Recipient recipient;
  const auto flags = in.number(63);
  recipient.notify = {(flags & kNever) != 0, (flags & kSuccess) != 0, (flags & kFailure) != 0,
                      (flags & kDelay) != 0};
  recipient.reported = (flags & kReported) != 0;
  recipient.state =
      static_cast<RecipientState>(in.number(static_cast<std::uint64_t>(RecipientState::expanded)));
  recipient.address = in.address();
  recipient.original = (flags & kSameOriginal) != 0 ? recipient.address : in.address();
  recipient.orcpt = in.text();
  recipient.attempts = static_cast<std::uint32_t>(in.number(UINT32_MAX));
  recipient.status = in.text();
  recipient.reply = in.text();
  return recipient;
}

}  // namespace

std::string encode(const QueueEntry& entry) {
  FrameWriter out(kVersion, kUsualSize * (1 + entry.recipients.size() / 4));
  out.number(entry.id.value());
  out.number(bits(entry));
  out.time(entry.arrival);
  out.address(entry.sender);
  put(out, entry.client);
  out.number(entry.size);
  out.number(entry.header_size);
  out.text(entry.blob);
  out.number(static_cast<std::uint64_t>(entry.ret));
  out.text(entry.envid);
  out.time(entry.next_attempt);
  out.time(entry.last_attempt);
  out.number(entry.attempts);
  out.text(entry.hold_reason);
  out.text(entry.filter);
  out.text(entry.redirect);
  out.number(entry.ledger_pieces);
  out.number(entry.recipients.size());
  for (const auto& recipient : entry.recipients) put(out, recipient);
  return std::move(out).finish();
}

Result<QueueEntry> decode_queue_entry(std::string_view stored) {
  FrameReader in(stored, kVersion, kWhat);
  QueueEntry entry;
  entry.id = QueueId(in.number());
  const auto flags = in.number(31);
  entry.body_type = (flags & kEightBit) != 0 ? BodyType::eight_bit : BodyType::seven_bit;
  entry.smtputf8 = (flags & kSmtpUtf8) != 0;
  entry.rewrite_context = (flags & kLocal) != 0 ? RewriteContext::local : RewriteContext::remote;
  entry.hold = (flags & kHold) != 0;
  entry.warned = (flags & kWarned) != 0;
  entry.arrival = in.time();
  entry.sender = in.address();
  entry.client = take_client(in);
  entry.size = in.number();
  entry.header_size = in.number();
  entry.blob = in.text();
  entry.ret = static_cast<ReturnContent>(in.number(static_cast<std::uint64_t>(ReturnContent::headers)));
  entry.envid = in.text();
  entry.next_attempt = in.time();
  entry.last_attempt = in.time();
  entry.attempts = static_cast<std::uint32_t>(in.number(UINT32_MAX));
  entry.hold_reason = in.text();
  entry.filter = in.text();
  entry.redirect = in.text();
  entry.ledger_pieces = static_cast<std::uint32_t>(in.number(UINT32_MAX));
  const auto recipients = in.count();
  for (std::size_t i = 0; i < recipients && in.good(); ++i) entry.recipients.push_back(take_recipient(in));
  if (auto done = in.finish(); !done) return std::unexpected(done.error());
  return entry;
}

}  // namespace hikyaku::record
