#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/explanation.h"
#include "base/time.h"
#include "mail/dsn.h"
#include "record/queue_entry.h"
#include "serve/delivery_result.h"

namespace hikyaku::serve {

/// A message made by the hub itself, ready for the queue.
struct Notice {
  record::QueueEntry entry;
  std::string content;
  Explanation why;  ///< what milters made of it
};

struct NoticeFacts {
  std::string_view hostname;     ///< myhostname
  mail::Address recipient;       ///< who is told
  std::uint64_t size_limit = 0;  ///< bounce_size_limit
  record::QueueId id;            ///< of the notice
  Time now{};
  std::optional<Time> retry_until;  ///< for a notice of delay
};

/// The recipients whose sender is owed a notice of this kind: those in `state` not yet reported, by their
/// NOTIFY (RFC 3461 s. 4.1). None for the null sender.
/// `in_mailbox`: of those delivered, the ones that a mailbox here took (DsnAction::delivered); the others
/// were relayed.
std::vector<std::size_t> owed_notices(const record::QueueEntry& entry, mail::DsnAction action,
                                      const std::vector<std::size_t>& in_mailbox);

/// Writes the notice about those recipients, by the reply that each had last. `content` is the whole message,
/// or its headers alone.
Notice make_notice(const record::QueueEntry& entry, const std::vector<std::size_t>& recipients,
                   mail::DsnAction action, std::string_view content, const NoticeFacts& facts);

}  // namespace hikyaku::serve
