#include "serve/mailbox_delivery.h"

#include <fmt/format.h>

#include "table/address_lookup.h"

namespace hikyaku::serve {
namespace {

constexpr std::size_t kCopyPiece = std::size_t{256} << 10;

/// The mailbox of an address: without its extension, and without its domain for mail to local users.
mail::Address mailbox_address(const mail::Address& address, bool whole_address,
                              const table::Delimiters& delimiters) {
  const auto split = table::split_extension(address.local(), delimiters);
  std::string internal(split.user);
  if (whole_address && address.has_domain()) internal += "@" + address.domain();
  return mail::Address::from_internal(internal).value_or(address);
}

std::string delivery_headers(const record::QueueEntry& entry, const record::Recipient& recipient) {
  return "Return-Path: <" + entry.sender.text() + ">\r\nX-Original-To: " + recipient.original.text() +
         "\r\nDelivered-To: " + recipient.address.text() + "\r\n";
}

/// Copies a large message from the queue to a blob of the store, under the queue's id.
Result<std::string> copy_to_store(Services& services, const record::QueueEntry& entry) {
  const auto name = entry.id.text();
  auto writer = services.store_blob.put(name);
  if (!writer) return std::unexpected(std::move(writer.error()));
  for (std::uint64_t offset = 0; offset < entry.size;) {
    auto piece = services.queue.read_body(entry, offset, kCopyPiece);
    if (!piece) return std::unexpected(std::move(piece.error()));
    if (piece->empty())
      return fail(Fault::corrupt, "message body of " + name + " ends at octet " + std::to_string(offset));
    if (auto written = (*writer)->write(*piece); !written) return std::unexpected(std::move(written.error()));
    offset += piece->size();
  }
  if (auto finished = (*writer)->finish(); !finished) return std::unexpected(std::move(finished.error()));
  return name;
}

DeliveryResult deferral(const Error& error) {
  return {.kind = DeliveryResult::Kind::deferred,
          .status = "4.3.0",
          .reply = "mailbox store: " + error.text,
          .relay = "store"};
}

}  // namespace

void deliver_to_mailboxes(Services& services, const Running& running, bool whole_address, const Job& job,
                          std::move_only_function<void(std::vector<DeliveryResult>)> done) {
  const auto& entry = job.message->stored;
  const auto count = job.recipients.size();
  const auto failed = [&](const Error& error) { done(std::vector<DeliveryResult>(count, deferral(error))); };

  store::Store::Message message;
  message.queue_id = entry.id;
  message.received = entry.arrival;
  message.sender = entry.sender;
  message.size = entry.size;
  message.header_size = entry.header_size;
  std::string body;
  if (!entry.blob.empty()) {
    auto blob = copy_to_store(services, entry);
    if (!blob) return failed(blob.error());
    message.blob = std::move(*blob);
  } else if (job.message->content) {
    body = *job.message->content;
  } else {
    auto octets = services.queue.read_body(entry, 0, static_cast<std::size_t>(entry.size));
    if (!octets) return failed(octets.error());
    body = std::move(*octets);
  }

  std::vector<store::Store::Target> targets;
  std::vector<DeliveryResult> results(count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto& recipient = entry.recipients[job.recipients[i]];
    const auto address = mailbox_address(recipient.address, whole_address, running.delimiters);
    targets.push_back(
        {store::mailbox_name(address), recipient.address.internal(), delivery_headers(entry, recipient)});
    results[i] = {.kind = DeliveryResult::Kind::delivered,
                  .status = "2.0.0",
                  .reply = "delivered to mailbox " + targets.back().mailbox,
                  .relay = "store",
                  .in_mailbox = true};
  }
  Kv::Batch batch;
  auto delivery = services.store.deliver(batch, targets, message, std::move(body));
  if (!delivery) return failed(delivery.error());
  for (std::size_t i = 0; i < count; ++i) {
    const auto uid = delivery->uids()[i];
    results[i].reply += uid == 0 ? ", which had it already" : fmt::format(", UID {}", uid);
  }
  if (batch.empty()) return done(std::move(results));
  services.store_commits.submit(
      std::move(batch), [delivery = std::move(*delivery), results = std::move(results),
                         done = std::move(done), count](Result<void> committed) mutable {
        if (!committed) return done(std::vector<DeliveryResult>(count, deferral(committed.error())));
        delivery.committed();
        done(std::move(results));
      });
}

}  // namespace hikyaku::serve
