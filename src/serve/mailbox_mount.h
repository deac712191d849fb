#pragma once
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "serve/databases.h"

namespace hikyaku::serve {

/// A mailbox database of a hub: mounted, or not, when its logs are damaged or somebody dismounted it. Mail
/// for it waits in the queue then, and the rest of the hub goes on. Thread-safe.
class MailboxMount {
 public:
  /// What the text of use()'s error has in it.
  static constexpr std::string_view kNotMounted = " is not mounted: ";
  using Notes = std::vector<std::string>;
  using Open = std::function<Result<std::unique_ptr<StoreDatabase>>(Notes&)>;
  /// `open` verifies and opens it, with the configuration of the moment.
  MailboxMount(std::string name, Open open) : name_(std::move(name)), open_(std::move(open)) {}

  /// Null while it is not mounted. Who has it keeps it open: not longer than one piece of work or one
  /// session.
  std::shared_ptr<StoreDatabase> get() const;
  /// The same, or Fault::temporary with what is wrong: for the log and the reply of a deferred mail.
  Result<std::shared_ptr<StoreDatabase>> use() const;
  /// Why it is not mounted; empty: it is.
  std::string reason() const;

  /// Opens it; nothing when it is mounted. Fault::corrupt: its logs or tables are damaged. Blocks.
  Result<void> mount(Notes& notes);
  /// Closes it in order once nobody uses it any more, which is waited for. `reason` is what use() tells then.
  /// False: it is still used after the time that a session takes to end. Not from a thread that has it.
  /// Blocks.
  bool dismount(const std::string& reason);
  /// Before the end of the process: nothing is committed any more, whoever still has it.
  void stop();

 private:
  struct Lending;
  const std::string name_;
  const Open open_;
  std::mutex changing_;               // one mount() or dismount() at a time; taken before mutex_
  std::shared_ptr<Lending> lending_;  // under changing_
  mutable std::mutex mutex_;
  std::shared_ptr<StoreDatabase> database_;
  std::string reason_ = "not mounted yet";
};

}  // namespace hikyaku::serve
