#include "serve/mailbox_mount.h"

#include <chrono>
#include <condition_variable>

namespace hikyaku::serve {

/// A database that is lent to many; who has it last gives word.
struct MailboxMount::Lending {
  explicit Lending(std::unique_ptr<StoreDatabase> opened) : database(std::move(opened)) {}
  std::unique_ptr<StoreDatabase> database;
  std::mutex mutex;
  std::condition_variable returned;
  bool idle = false;

  static std::shared_ptr<StoreDatabase> handle(std::shared_ptr<Lending> lending) {
    auto* const database = lending->database.get();
    return {database, [lending = std::move(lending)](StoreDatabase*) {
              const std::scoped_lock lock(lending->mutex);
              lending->idle = true;
              lending->returned.notify_all();
            }};
  }
  bool wait_idle(std::chrono::seconds at_most) {
    std::unique_lock lock(mutex);
    return returned.wait_for(lock, at_most, [this] { return idle; });
  }
};

std::shared_ptr<StoreDatabase> MailboxMount::get() const {
  const std::scoped_lock lock(mutex_);
  return database_;
}

Result<std::shared_ptr<StoreDatabase>> MailboxMount::use() const {
  const std::scoped_lock lock(mutex_);
  if (database_) return database_;
  return fail(Fault::temporary, "mailbox database " + name_ + std::string(kNotMounted) + reason_);
}

std::string MailboxMount::reason() const {
  const std::scoped_lock lock(mutex_);
  return database_ ? std::string() : reason_;
}

Result<void> MailboxMount::mount(Notes& notes) {
  const std::scoped_lock changing(changing_);
  if (get()) return {};
  auto opened = open_(notes);
  if (!opened) {
    const std::scoped_lock lock(mutex_);
    // The first line: what follows is for the log.
    reason_ = opened.error().text.substr(0, opened.error().text.find('\n'));
    return std::unexpected(std::move(opened.error()));
  }
  lending_ = std::make_shared<Lending>(std::move(*opened));
  const std::scoped_lock lock(mutex_);
  database_ = Lending::handle(lending_);
  return {};
}

bool MailboxMount::dismount(const std::string& reason) {
  constexpr std::chrono::seconds kLongest{30};
  const std::scoped_lock changing(changing_);
  if (!lending_) return true;
  std::weak_ptr<StoreDatabase> lent;
  {
    const std::scoped_lock lock(mutex_);
    lent = std::exchange(database_, nullptr);
    reason_ = reason;
  }
  if (!lending_->wait_idle(kLongest)) {
    const std::scoped_lock lock(mutex_);
    database_ = lent.lock();
    if (database_) return false;
  }
  // Here and not where the last user was: that may be the committer's own thread.
  lending_->database->commits->stop();
  lending_->database.reset();
  lending_.reset();
  return true;
}

void MailboxMount::stop() {
  if (const auto database = get()) database->commits->stop();
}

}  // namespace hikyaku::serve
