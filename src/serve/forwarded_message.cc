#include "serve/forwarded_message.h"

#include <fmt/format.h>

#include "mail/trace.h"

namespace hikyaku::serve {
namespace {

constexpr std::size_t kCopyPiece = std::size_t{256} << 10;

Result<void> copy_blob(Services& services, const record::QueueEntry& from, const std::string& name,
                       std::string_view prefix) {
  auto writer = services.blob.put(name);
  if (!writer) return std::unexpected(std::move(writer.error()));
  if (auto written = (*writer)->write(prefix); !written) return written;
  for (std::uint64_t offset = 0; offset < from.size;) {
    auto piece = services.queue.read_body(from, offset, kCopyPiece);
    if (!piece) return std::unexpected(std::move(piece.error()));
    if (piece->empty())
      return fail(Fault::corrupt,
                  "message body of " + from.id.text() + " ends at octet " + std::to_string(offset));
    if (auto written = (*writer)->write(*piece); !written) return written;
    offset += piece->size();
  }
  return (*writer)->finish();
}

/// The sender was told of success when the alias was found (RFC 3461 s. 5.2.7.1).
record::Notify without_success(record::Notify notify) {
  if (!notify.success) return notify;
  notify.success = false;
  notify.never = !notify.given();
  return notify;
}

}  // namespace

Result<ForwardedMessage> ForwardedMessage::make(Services& services, const Running& running, Kv::Batch& batch,
                                                const Order& order) {
  const auto now = services.clock.now();
  ForwardedMessage made{std::make_shared<ActiveMessage>(), {}};
  auto& entry = made.message->entry;
  entry.id = services.ids.next(now);
  const auto id = entry.id.text();

  mail::TraceFacts trace;
  trace.by = running.hostname;
  trace.software = "Hikyaku";
  trace.queue_id = id;
  trace.time = now;
  const auto prefix =
      mail::received_header(trace) + "Delivered-To: " + order.recipient.address.text() + "\r\n";

  entry.arrival = entry.next_attempt = now;
  entry.sender = order.owner ? *order.owner : order.from.sender;
  entry.size = order.from.size + prefix.size();
  entry.header_size = order.from.header_size + prefix.size();
  entry.body_type = order.from.body_type;
  entry.smtputf8 = order.from.smtputf8;
  entry.rewrite_context = record::RewriteContext::local;
  if (!order.owner) {
    entry.ret = order.from.ret;
    entry.envid = order.from.envid;
  }
  for (const auto& address : order.to) {
    record::Recipient recipient;
    recipient.address = address;
    // With an owner it is a list's own mail (RFC 3461 s. 5.2.7.3): nothing of the old recipient goes on.
    recipient.original = order.owner ? address : order.recipient.original;
    if (!order.owner) {
      recipient.orcpt = order.recipient.orcpt;
      recipient.notify = without_success(order.recipient.notify);
    }
    entry.recipients.push_back(std::move(recipient));
  }

  Explanation ledger;
  ledger.append(order.why.bytes());
  ledger.add({.step = "queue.forward",
              .rule = "alias_maps",
              .origin = {},
              .keys = {},
              .failed = {},
              .operand = order.recipient.address.internal(),
              .outcome = "made of " + order.from.id.text()});
  std::string stored;
  if (order.from.blob.empty()) {
    stored = prefix;
    stored += order.content;
    made.message->content = std::make_shared<const std::string>(stored);
  } else {
    entry.blob = id;
    if (auto copied = copy_blob(services, order.from, id, prefix); !copied)
      return std::unexpected(std::move(copied.error()));
  }
  made.change = services.queue.accept(batch, entry, std::move(stored), ledger.bytes());
  made.message->stored = entry;
  return made;
}

}  // namespace hikyaku::serve
