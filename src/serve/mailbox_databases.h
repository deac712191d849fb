#pragma once
#include <atomic>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/origin.h"
#include "base/result.h"
#include "base/time.h"
#include "record/mailbox_catalogue.h"
#include "serve/catalogue_file.h"
#include "serve/databases.h"
#include "serve/mailbox_mount.h"

namespace hikyaku::serve {

/// The mailbox databases of a hub, or of a command while no hub runs: `default` and those of the catalogue,
/// each mounted by itself, and which of them an account's mailboxes are in. While the catalogue can't be
/// read, nothing is guessed: none is mounted. Thread-safe.
class MailboxDatabases {
 public:
  using Notes = MailboxMount::Notes;
  using Catalogue = record::MailboxCatalogue;
  using SettingsNow = std::function<MailboxSettings()>;
  /// Takes what opening a database had to do.
  using Tell = std::function<void(const Notes&)>;

  /// With `on_demand` a database is mounted when it is used, as for a command; without, by mount() alone.
  MailboxDatabases(SettingsNow settings, const Clock& clock, Tell on_demand = {})
      : settings_(std::move(settings)), clock_(clock), on_demand_(std::move(on_demand)) {}
  MailboxDatabases(const MailboxDatabases&) = delete;
  MailboxDatabases& operator=(const MailboxDatabases&) = delete;
  /// Ends what is mounted in order.
  ~MailboxDatabases() { stop(); }

  /// Before all else. Takes the right to change the catalogue, and reads it. Fault::temporary: another
  /// process has it. A catalogue that can't be read is no error of this, but of catalogue(). `notes`: also
  /// folders that look like a database and are not in the catalogue.
  Result<void> open(Notes& notes);
  /// Fault::temporary, with file and line: it can't be read.
  Result<std::shared_ptr<const Catalogue>> catalogue() const;
  /// `default` first.
  Result<std::vector<std::string>> names() const;

  struct Place {
    std::string database;
    std::string rule;  ///< the catalogue's line; empty: none names the account or its domain
    Origin origin;     ///< of it
  };
  Result<Place> place_of(std::string_view account) const;
  /// Fault::temporary: it is not mounted, with what is wrong; Fault::not_found: there is none. Who has it
  /// keeps it open: not longer than one piece of work or one session.
  Result<std::shared_ptr<StoreDatabase>> use(std::string_view database);
  /// That of an account.
  Result<std::shared_ptr<StoreDatabase>> use_for(std::string_view account);
  struct Mounted {
    std::string name;
    std::shared_ptr<StoreDatabase> database;
  };
  /// Those that are mounted now.
  std::vector<Mounted> mounted() const;

  /// Of each that was asked for since the start: 1 when it is mounted, else 0.
  std::vector<std::pair<std::string, double>> states() const;

  /// Reads the catalogue again when it could not be read. Fault::corrupt: that, or the database's logs or
  /// tables are damaged. Fault::not_found: there is no such database, or nothing in its folder. Blocks.
  Result<void> mount(std::string_view database, Notes& notes);
  /// MailboxMount::dismount(). Fault::temporary: it is in use. Blocks.
  Result<void> dismount(std::string_view database);
  /// Makes a database in the empty or new folder `directory` (absolute; empty: beside the catalogue) and
  /// mounts it. When it was cut short, it can be done again. Blocks.
  Result<void> create(const std::string& name, const std::filesystem::path& directory, Notes& notes);

  /// What change_catalogue() came to.
  enum class Changed : unsigned char {
    yes,
    no,       ///< it is as before
    unknown,  ///< it is in place, but perhaps not on the disk: a crash may bring either back
  };
  struct CatalogueChange {
    Changed changed = Changed::yes;
    std::string error;
  };
  /// Writes another catalogue, synced, and goes by it from then on; one at a time.
  CatalogueChange change_catalogue(const std::function<Result<void>(Catalogue&)>& change);

  /// Held while an account is moved, and by who purges removed mail: one of them at a time.
  std::mutex& moving() { return moving_; }
  /// Before the end of the process: nothing is committed any more, whoever still has one.
  void stop();
  void set_default_quota(std::uint64_t octets);

 private:
  Result<void> read();
  Result<MailboxMount*> mount_of(std::string_view database);
  Result<std::unique_ptr<StoreDatabase>> open_database(const std::string& name, Notes& notes);
  void note_strays(Notes& notes) const;
  std::filesystem::path path() const;

  const SettingsNow settings_;
  const Clock& clock_;
  const Tell on_demand_;
  std::optional<CatalogueLock> lock_;
  std::atomic<std::shared_ptr<const Catalogue>> catalogue_;  // null: it can't be read
  mutable std::mutex mutex_;                                 // of what follows
  std::string unreadable_ = "not read yet";
  std::map<std::string, std::unique_ptr<MailboxMount>, std::less<>> mounts_;  // none ever goes
  std::string creating_;  // the one database that may be made where there is none
  std::mutex changing_;   // one create() or change_catalogue() at a time
  std::mutex moving_;
};

}  // namespace hikyaku::serve
