#include "serve/databases.h"

#include <filesystem>

#include "store/usage.h"

namespace hikyaku::serve {
namespace {

namespace fs = std::filesystem;

Result<void> make_directory(const fs::path& directory) {
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) return fail(Fault::permanent, "make the folder " + directory.string() + ": " + error.message());
  return {};
}

template <class Owner>
Result<void> remove_orphans(const Owner& owner, Blob& blob, const std::string& what,
                            std::vector<std::string>& notes) {
  const auto orphans = owner.orphans();
  if (!orphans) return std::unexpected(orphans.error());
  for (const auto& name : *orphans) {
    if (auto removed = blob.remove(name); !removed) return removed;
  }
  if (!orphans->empty())
    notes.push_back(std::to_string(orphans->size()) + " " + what + " without a message were removed");
  return {};
}

}  // namespace

DatabasePlace queue_place(const Running& running) {
  return {DatabasePlace::Kind::queue, fs::path(running.queue_directory) / "hikyaku" / "queue",
          queue::spaces(running.files.main.duration("hikyaku_ledger_lifetime") + running.retry.lifetime)};
}

DatabasePlace mailbox_place(const Running& running) {
  return {DatabasePlace::Kind::mailboxes, fs::path(running.data_directory) / "mailboxes" / "default",
          store::spaces(running.retry.lifetime + std::chrono::days{3})};
}

std::string control_path(const std::string& queue_directory) { return queue_directory + "/hikyaku/control"; }

Result<std::unique_ptr<QueueDatabase>> QueueDatabase::open(const Running& running, Time now,
                                                           std::vector<std::string>& notes) {
  auto opened = std::make_unique<QueueDatabase>();
  const fs::path base = fs::path(running.queue_directory) / "hikyaku";
  if (auto made = make_directory(base); !made) return std::unexpected(std::move(made.error()));
  io::RocksKv::Options options;
  auto place = queue_place(running);
  options.directory = std::move(place.directory);
  options.spaces = std::move(place.spaces);
  options.now = now;
  auto kv = io::RocksKv::open(options, notes);
  if (!kv) return std::unexpected(std::move(kv.error()));
  opened->kv = std::move(*kv);
  auto blob = io::FileBlob::open(base / "blobs");
  if (!blob) return std::unexpected(std::move(blob.error()));
  opened->blob = std::move(*blob);
  auto queue = queue::Queue::open(*opened->kv, *opened->blob);
  if (!queue) return std::unexpected(std::move(queue.error()));
  opened->queue = std::move(*queue);
  if (auto removed = remove_orphans(*opened->queue, *opened->blob, "bodies", notes); !removed)
    return std::unexpected(std::move(removed.error()));
  opened->commits = std::make_unique<io::GroupCommitter>(*opened->kv);
  return opened;
}

Result<std::unique_ptr<StoreDatabase>> StoreDatabase::open(const Running& running, Time now,
                                                           std::vector<std::string>& notes) {
  auto opened = std::make_unique<StoreDatabase>();
  auto place = mailbox_place(running);
  const auto base = place.directory;
  if (auto made = make_directory(base.parent_path()); !made) return std::unexpected(std::move(made.error()));
  io::RocksKv::Options options;
  options.directory = base;
  options.spaces = std::move(place.spaces);
  options.log_lifetime = running.mailbox_log_lifetime;
  options.now = now;
  auto kv = io::RocksKv::open(options, notes);
  if (!kv) return std::unexpected(std::move(kv.error()));
  opened->kv = std::move(*kv);
  auto blob = io::FileBlob::open(base / "blobs");
  if (!blob) return std::unexpected(std::move(blob.error()));
  opened->blob = std::move(*blob);
  auto store = store::Store::open(*opened->kv, *opened->blob);
  if (!store) return std::unexpected(std::move(store.error()));
  opened->store = std::move(*store);
  const auto counted = store::count_older_database(*opened->store);
  if (!counted) return std::unexpected(counted.error());
  if (*counted > 0) notes.push_back("the mailboxes of " + std::to_string(*counted) + " users were counted");
  opened->store->set_default_quota({running.mailbox_quota, 0});
  if (auto removed = remove_orphans(*opened->store, *opened->blob, "mailbox bodies", notes); !removed)
    return std::unexpected(std::move(removed.error()));
  opened->commits = std::make_unique<io::GroupCommitter>(*opened->kv);
  return opened;
}

}  // namespace hikyaku::serve
