#pragma once
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace hikyaku::serve {

/// Which mailboxes a POP3 session has for itself (RFC 1939 s. 4). Mail is delivered all the same: the session
/// does not see it. Thread-safe; outlives its leases.
class MailboxLocks {
 public:
  /// While it lives, nobody else gets the mailbox.
  class Lease {
   public:
    Lease(Lease&& other) noexcept
        : locks_(std::exchange(other.locks_, nullptr)), mailbox_(std::move(other.mailbox_)) {}
    Lease& operator=(Lease&&) = delete;
    ~Lease() {
      if (locks_ == nullptr) return;
      const std::lock_guard lock(locks_->mutex_);
      locks_->taken_.erase(mailbox_);
    }

   private:
    friend class MailboxLocks;
    Lease(MailboxLocks* locks, std::string mailbox) : locks_(locks), mailbox_(std::move(mailbox)) {}
    MailboxLocks* locks_;
    std::string mailbox_;
  };

  /// Nothing: another session has it.
  std::optional<Lease> take(const std::string& mailbox) {
    const std::lock_guard lock(mutex_);
    if (!taken_.insert(mailbox).second) return std::nullopt;
    return Lease(this, mailbox);
  }
  bool taken(const std::string& mailbox) {
    const std::lock_guard lock(mutex_);
    return taken_.contains(mailbox);
  }

 private:
  std::mutex mutex_;
  std::set<std::string> taken_;
};

}  // namespace hikyaku::serve
