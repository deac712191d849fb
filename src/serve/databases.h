#pragma once
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/time.h"
#include "io/file_blob.h"
#include "io/group_committer.h"
#include "io/rocks_kv.h"
#include "queue/queue.h"
#include "record/mailbox_catalogue.h"
#include "serve/database_mount.h"
#include "serve/running.h"
#include "store/store.h"

namespace hikyaku::serve {

/// "$queue_directory/hikyaku/queue", and its spaces.
DatabasePlace queue_place(const Running& running);
/// What a configuration says of the mailbox databases.
struct MailboxSettings {
  std::string data_directory;
  std::uint32_t catalogue = 0;             ///< Running::mailbox_catalogue
  std::uint64_t quota = 0;                 ///< DatabaseSettings::quota
  std::chrono::seconds delivery_memory{};  ///< of store::spaces()
  std::chrono::seconds log_lifetime{};     ///< DatabasePlace::log_lifetime
  static MailboxSettings of(const Running& running);
};

/// The mailbox database `name` of the catalogue, and its spaces; `default` is
/// "$data_directory/mailboxes/default". Fault::not_found: there is none.
Result<DatabasePlace> mailbox_place(const MailboxSettings& settings,
                                    const record::MailboxCatalogue& catalogue, std::string_view name);

/// How a database is opened, beside where it is.
struct DatabaseSettings {
  std::uint64_t quota = 0;  ///< hikyaku_mailbox_quota: of accounts that have none of their own; 0: none
  std::size_t memory = std::size_t{128} << 20;            ///< io::RocksKv::Options::memory
  decltype(io::RocksKv::Options::wrap_files) wrap_files;  ///< for tests
  store::Store::Here here;                                ///< of mailboxes: as Store::open() has it
};

/// The queue's database, opened: for a hub, or for a command while no hub runs.
struct QueueDatabase {
  std::unique_ptr<io::RocksKv> kv;
  std::unique_ptr<io::FileBlob> blob;
  std::unique_ptr<queue::Queue> queue;
  std::unique_ptr<io::GroupCommitter> commits;

  /// "$queue_directory/hikyaku/queue" and "…/blobs". `notes`: what had to be done, for the log. Removes
  /// bodies that a crash left without a message. Errors name the folder.
  static Result<std::unique_ptr<QueueDatabase>> open(const Running& running, Time now,
                                                     std::vector<std::string>& notes);
  static Result<std::unique_ptr<QueueDatabase>> open(const DatabasePlace& place,
                                                     const DatabaseSettings& settings, Time now,
                                                     std::vector<std::string>& notes);
};

/// A mailbox database, the same.
struct StoreDatabase {
  std::unique_ptr<io::RocksKv> kv;
  std::unique_ptr<io::FileBlob> blob;
  std::unique_ptr<store::Store> store;
  std::unique_ptr<io::GroupCommitter> commits;

  static Result<std::unique_ptr<StoreDatabase>> open(const DatabasePlace& place,
                                                     const DatabaseSettings& settings, Time now,
                                                     std::vector<std::string>& notes);
};

/// "$queue_directory/hikyaku/control"
std::string control_path(const std::string& queue_directory);

}  // namespace hikyaku::serve
