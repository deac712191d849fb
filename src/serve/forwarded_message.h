#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/explanation.h"
#include "base/kv.h"
#include "queue/queue.h"
#include "serve/active_message.h"
#include "serve/running.h"
#include "serve/services.h"

namespace hikyaku::serve {

/// The message that a local recipient's alias makes of another: the same content under a Received and a
/// Delivered-To of its own, for the addresses that the alias stands for.
struct ForwardedMessage {
  std::shared_ptr<ActiveMessage> message;  ///< for Services::admit, once the batch is on the disk
  queue::Queue::Change change;             ///< for queue::Queue::committed()

  struct Order {
    const record::QueueEntry& from;      ///< the message
    const record::Recipient& recipient;  ///< whose alias it is
    std::string_view content;            ///< the message, when it is in the queue's database
    const std::vector<mail::Address>& to;
    const std::optional<mail::Address>& owner;
    const Explanation& why;  ///< how the alias was found; goes into the new message's ledger
  };
  /// Adds it to `batch`. A large body is copied to a blob, which blocks, and which is the caller's to remove
  /// when the commit fails.
  static Result<ForwardedMessage> make(Services& services, const Running& running, Kv::Batch& batch,
                                       const Order& order);
};

}  // namespace hikyaku::serve
