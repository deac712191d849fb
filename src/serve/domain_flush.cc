#include "serve/domain_flush.h"

#include <algorithm>
#include <latch>
#include <utility>
#include <vector>

#include "base/escape.h"
#include "table/fold.h"

namespace hikyaku::serve {
namespace {

constexpr std::size_t kPiece = 500;

}  // namespace

bool waits_for(const record::QueueEntry& entry, const Domains& domains, Time now) {
  if (entry.hold || entry.next_attempt <= now) return false;
  return std::ranges::any_of(entry.recipients, [&](const record::Recipient& recipient) {
    return recipient.state == record::RecipientState::pending &&
           domains.contains(table::ascii_lower(recipient.address.domain()));
  });
}

bool DomainFlush::ask(std::string_view domain) {
  {
    const std::lock_guard lock(mutex_);
    auto name = table::ascii_lower(domain);
    if (!asked_.contains(name) && asked_.size() >= kMostDomains) return false;
    asked_.insert(std::move(name));
    if (std::exchange(running_, true)) return true;
  }
  services_.pool.post([this] { run(); });
  return true;
}

void DomainFlush::run() {
  for (;;) {
    Domains domains;
    {
      const std::lock_guard lock(mutex_);
      domains.swap(asked_);
      if (domains.empty() || outbound_.stopping()) {
        running_ = false;
        return;
      }
    }
    look_through(domains);
  }
}

void DomainFlush::look_through(const Domains& domains) {
  std::optional<record::QueueId> after;
  std::size_t due = 0;
  do {
    auto listing = services_.queue.list(after, kPiece);
    if (!listing) {
      services_.log.error("qmgr", "ETRN: read the queue: " + listing.error().text);
      break;
    }
    due += make_due(listing->entries, domains);
    after = listing->continue_after;
  } while (after && !outbound_.stopping());
  std::string names;
  for (const auto& domain : domains) names += (names.empty() ? "" : ", ") + escaped(domain, 200);
  services_.log.info("qmgr", "ETRN " + names + ": " + std::to_string(due) + " messages are due at once");
  // What is due may still be suspended with its next hop.
  if (due > 0) outbound_.flush();
}

std::size_t DomainFlush::make_due(const std::vector<record::QueueEntry>& entries, const Domains& domains) {
  const auto now = services_.clock.now();
  std::vector<const record::QueueEntry*> waiting;
  for (const auto& entry : entries) {
    if (waits_for(entry, domains, now) && !outbound_.is_active(entry.id)) waiting.push_back(&entry);
  }
  std::latch answered(static_cast<std::ptrdiff_t>(waiting.size()));
  std::atomic<std::size_t> due{0};
  for (const auto* stored : waiting) {
    auto entry = *stored;
    entry.next_attempt = now;
    Explanation ledger;
    ledger.add({.step = "queue.flush",
                .rule = "ETRN",
                .origin = {},
                .keys = {},
                .failed = {},
                .operand = {},
                .outcome = "due at once"});
    Kv::Batch batch;
    auto change =
        services_.queue.update(batch, *stored, entry, now, ledger.bytes(), queue::Queue::Guard::unchanged);
    services_.queue_commits.submit(std::move(batch),
                                   [this, &answered, &due, change = std::move(change)](Result<void> result) {
                                     // It fails when the message was delivered or changed meanwhile: then
                                     // there is nothing to do.
                                     if (result) {
                                       services_.queue.committed(change);
                                       ++due;
                                     }
                                     answered.count_down();
                                   });
  }
  answered.wait();
  return due;
}

}  // namespace hikyaku::serve
