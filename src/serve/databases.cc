#include "serve/databases.h"

#include <filesystem>

#include "io/synced_files.h"
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

io::RocksKv::Options engine_options(const DatabasePlace& place, const DatabaseSettings& settings, Time now) {
  auto options = place.options(now);
  options.memory = settings.memory;
  options.wrap_files = settings.wrap_files;
  return options;
}

/// Logs that were kept while the setting said so, and would now stay for good.
Result<void> remove_kept_logs(const DatabasePlace& place, std::vector<std::string>& notes) {
  const auto folder = place.directory / "db" / "archive";
  std::error_code error;
  if (place.log_lifetime.count() > 0 || !fs::exists(folder, error)) return {};
  std::size_t removed = 0;
  for (fs::directory_iterator file(folder, error), end; !error && file != end; file.increment(error)) {
    if (io::log_number(file->path().filename().string()) == 0) continue;
    if (fs::remove(file->path(), error)) ++removed;
    if (error) break;
  }
  if (error)
    return fail(Fault::permanent, "remove the kept logs in " + folder.string() + ": " + error.message());
  if (removed > 0) {
    notes.push_back(std::to_string(removed) + " logs in " + folder.string() +
                    " were removed: hikyaku_mailbox_log_lifetime says to keep none");
  }
  return {};
}

/// After a mount with loss a body without a message may be all that is left of one: it is kept until somebody
/// has acknowledged the loss.
Result<void> set_aside(const DatabasePlace& place, const std::string& blob, const fs::path& loss) {
  std::error_code error;
  const auto folder = loss / "blobs";
  fs::create_directories(folder, error);
  if (!error) fs::rename(place.blobs / blob, folder / blob, error);
  if (error)
    return fail(Fault::permanent,
                "bring " + (place.blobs / blob).string() + " to " + folder.string() + ": " + error.message());
  for (const auto& path : {folder, loss}) {
    if (auto synced = io::sync_path(path); !synced) return synced;
  }
  return {};
}

std::string text_of(const store::Store::BadBody& bad) {
  return (bad.mailbox.empty() ? "a mailbox without a name" : bad.mailbox) + ", UID " +
         std::to_string(bad.uid) + ": " + bad.text;
}
std::string text_of(const queue::Queue::BadBody& bad) { return bad.id.text() + ": " + bad.text; }

/// `notes` also tell of each message whose body is missing: it is not found out when somebody wants to read
/// it.
template <class Owner>
Result<void> remove_orphans(const Owner& owner, Blob& blob, const DatabasePlace& place,
                            const std::string& what, std::vector<std::string>& notes) {
  std::size_t bad = 0;
  const auto orphans = owner.orphans([&](const auto& body) {
    constexpr std::size_t kMostTold = 100;
    if (++bad <= kMostTold) notes.push_back(text_of(body));
  });
  if (bad > 0) notes.push_back(std::to_string(bad) + " messages have lost their " + what);
  if (!orphans) return std::unexpected(orphans.error());
  if (orphans->empty()) return {};
  const auto losses = unacknowledged_losses(place.directory);
  for (const auto& name : *orphans) {
    auto removed = losses.empty() ? blob.remove(name) : set_aside(place, name, losses.back());
    if (!removed) return removed;
  }
  notes.push_back(std::to_string(orphans->size()) + " " + what + " without a message were " +
                  (losses.empty() ? "removed" : "set aside in " + (losses.back() / "blobs").string()));
  return {};
}

}  // namespace

DatabasePlace queue_place(const Running& running) {
  const auto base = fs::path(running.queue_directory) / "hikyaku";
  return {DatabasePlace::Kind::queue, base / "queue", base / "blobs",
          queue::spaces(running.files.main.duration("hikyaku_ledger_lifetime") + running.retry.lifetime)};
}

MailboxSettings MailboxSettings::of(const Running& running) {
  return {running.data_directory, running.mailbox_catalogue, running.mailbox_quota,
          running.retry.lifetime + std::chrono::days{3}, running.mailbox_log_lifetime};
}

Result<DatabasePlace> mailbox_place(const MailboxSettings& settings,
                                    const record::MailboxCatalogue& catalogue, std::string_view name) {
  auto base = fs::path(settings.data_directory) / "mailboxes";
  if (const auto at = catalogue.databases().find(name); at != catalogue.databases().end()) {
    base = (base / at->second.value).lexically_normal();
  } else if (name == record::MailboxCatalogue::kDefault) {
    base /= name;
  } else {
    return fail(Fault::not_found, "there is no mailbox database '" + std::string(name) +
                                      "': hikyaku store list has them, hikyaku store create makes one");
  }
  return DatabasePlace{DatabasePlace::Kind::mailboxes,
                       base,
                       base / "blobs",
                       store::spaces(settings.delivery_memory),
                       settings.log_lifetime,
                       std::string(name)};
}

std::string control_path(const std::string& queue_directory) { return queue_directory + "/hikyaku/control"; }

Result<std::unique_ptr<QueueDatabase>> QueueDatabase::open(const Running& running, Time now,
                                                           std::vector<std::string>& notes) {
  return open(queue_place(running), {}, now, notes);
}

Result<std::unique_ptr<QueueDatabase>> QueueDatabase::open(const DatabasePlace& place,
                                                           const DatabaseSettings& settings, Time now,
                                                           std::vector<std::string>& notes) {
  auto opened = std::make_unique<QueueDatabase>();
  if (auto made = make_directory(place.directory.parent_path()); !made)
    return std::unexpected(std::move(made.error()));
  auto kv = io::RocksKv::open(engine_options(place, settings, now), notes);
  if (!kv) return std::unexpected(std::move(kv.error()));
  opened->kv = std::move(*kv);
  auto blob = io::FileBlob::open(place.blobs);
  if (!blob) return std::unexpected(std::move(blob.error()));
  opened->blob = std::move(*blob);
  auto queue = queue::Queue::open(*opened->kv, *opened->blob);
  if (!queue) return std::unexpected(std::move(queue.error()));
  opened->queue = std::move(*queue);
  if (auto removed = remove_orphans(*opened->queue, *opened->blob, place, "bodies", notes); !removed)
    return std::unexpected(std::move(removed.error()));
  opened->commits = std::make_unique<io::GroupCommitter>(*opened->kv);
  return opened;
}

Result<std::unique_ptr<StoreDatabase>> StoreDatabase::open(const DatabasePlace& place,
                                                           const DatabaseSettings& settings, Time now,
                                                           std::vector<std::string>& notes) {
  auto opened = std::make_unique<StoreDatabase>();
  if (auto made = make_directory(place.directory.parent_path()); !made)
    return std::unexpected(std::move(made.error()));
  auto kv = io::RocksKv::open(engine_options(place, settings, now), notes);
  if (!kv) return std::unexpected(std::move(kv.error()));
  opened->kv = std::move(*kv);
  if (auto removed = remove_kept_logs(place, notes); !removed)
    return std::unexpected(std::move(removed.error()));
  auto blob = io::FileBlob::open(place.blobs);
  if (!blob) return std::unexpected(std::move(blob.error()));
  opened->blob = std::move(*blob);
  auto store = store::Store::open(*opened->kv, *opened->blob, settings.here);
  if (!store) return std::unexpected(std::move(store.error()));
  opened->store = std::move(*store);
  const auto counted = store::count_older_database(*opened->store);
  if (!counted) return std::unexpected(counted.error());
  if (*counted > 0) notes.push_back("the mailboxes of " + std::to_string(*counted) + " users were counted");
  opened->store->set_default_quota({settings.quota, 0});
  if (auto removed = remove_orphans(*opened->store, *opened->blob, place, "mailbox bodies", notes); !removed)
    return std::unexpected(std::move(removed.error()));
  opened->commits = std::make_unique<io::GroupCommitter>(*opened->kv);
  return opened;
}

}  // namespace hikyaku::serve
