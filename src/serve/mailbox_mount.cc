#include "serve/mailbox_mount.h"

#include <chrono>
#include <thread>

namespace hikyaku::serve {

std::shared_ptr<StoreDatabase> MailboxMount::get() const {
  const std::scoped_lock lock(mutex_);
  return database_;
}

Result<std::shared_ptr<StoreDatabase>> MailboxMount::use() const {
  const std::scoped_lock lock(mutex_);
  if (database_) return database_;
  return fail(Fault::temporary, "the mailbox database is not mounted: " + reason_);
}

Result<void> MailboxMount::mount(Notes& notes) {
  const std::scoped_lock changing(changing_);
  if (get()) return {};
  auto opened = open_(notes);
  const std::scoped_lock lock(mutex_);
  if (!opened) {
    // The first line: what follows is for the log.
    reason_ = opened.error().text.substr(0, opened.error().text.find('\n'));
    return std::unexpected(std::move(opened.error()));
  }
  database_ = std::move(*opened);
  return {};
}

bool MailboxMount::dismount(const std::string& reason) {
  constexpr std::chrono::seconds kLongest{30};
  const std::scoped_lock changing(changing_);
  std::shared_ptr<StoreDatabase> last;
  {
    const std::scoped_lock lock(mutex_);
    last = std::move(database_);
    reason_ = reason;
  }
  if (!last) return true;
  // The committer must not end on its own thread, where the last user may be: it ends here.
  for (const auto end = std::chrono::steady_clock::now() + kLongest; last.use_count() > 1;) {
    if (std::chrono::steady_clock::now() >= end) {
      const std::scoped_lock lock(mutex_);
      database_ = std::move(last);
      return false;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds{10});
  }
  last->commits->stop();
  return true;
}

void MailboxMount::stop() {
  if (const auto database = get()) database->commits->stop();
}

}  // namespace hikyaku::serve
