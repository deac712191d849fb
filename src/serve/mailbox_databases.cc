#include "serve/mailbox_databases.h"

#include <algorithm>
#include <set>

#include "io/synced_files.h"
#include "serve/database_folder.h"

namespace hikyaku::serve {
namespace {

namespace fs = std::filesystem;

bool has_files(const fs::path& folder) {
  std::error_code error;
  return fs::exists(folder, error) && !fs::is_empty(folder, error);
}

}  // namespace

fs::path MailboxDatabases::path() const { return catalogue_path(settings_().data_directory); }

// ---- The catalogue

Result<void> MailboxDatabases::open(Notes& notes) {
  auto lock = CatalogueLock::take(path());
  if (!lock) return std::unexpected(std::move(lock.error()));
  lock_.emplace(std::move(*lock));
  if (auto done = read(); !done) {
    notes.push_back(done.error().text);
    return {};
  }
  note_strays(notes);
  return {};
}

Result<void> MailboxDatabases::read() {
  auto read = read_catalogue(path());
  const std::scoped_lock lock(mutex_);
  if (!read) {
    unreadable_ = read.error().text;
    return std::unexpected(std::move(read.error()));
  }
  catalogue_.store(std::make_shared<const Catalogue>(std::move(*read)));
  return {};
}

Result<std::shared_ptr<const MailboxDatabases::Catalogue>> MailboxDatabases::catalogue() const {
  if (auto now = catalogue_.load()) return now;
  const std::scoped_lock lock(mutex_);
  return fail(Fault::temporary,
              "every mailbox database" + std::string(MailboxMount::kNotMounted) + unreadable_);
}

void MailboxDatabases::note_strays(Notes& notes) const {
  const auto catalogue = catalogue_.load();
  const auto folder = path().parent_path();
  std::set<fs::path> known{(folder / Catalogue::kDefault).lexically_normal()};
  for (const auto& [name, entry] : catalogue->databases())
    known.insert((folder / entry.value).lexically_normal());
  std::error_code error;
  for (fs::directory_iterator one(folder, error), end; !error && one != end; one.increment(error)) {
    std::error_code ignored;
    const auto& found = one->path();
    if (!fs::exists(found / "header", ignored) || known.contains(found.lexically_normal())) continue;
    if (is_beside_a_database(found)) continue;
    notes.push_back(found.string() + " looks like a mailbox database and is not in " + path().string() +
                    ": nobody's mail is read from it");
  }
  if (error) notes.push_back("list " + folder.string() + ": " + error.message());
}

MailboxDatabases::CatalogueChange MailboxDatabases::change_catalogue(
    const std::function<Result<void>(Catalogue&)>& change) {
  const std::scoped_lock changing(changing_);
  const auto before = catalogue();
  if (!before) return {Changed::no, before.error().text};
  auto next = std::make_shared<Catalogue>(**before);
  if (auto changed = change(*next); !changed) return {Changed::no, changed.error().text};
  if (*next == **before) return {};
  auto written = write_catalogue(path(), *next);
  if (written) {
    catalogue_.store(std::move(next));
    return {};
  }
  const auto found = read_catalogue(path());
  const bool as_before = found && *found == **before;
  return {as_before ? Changed::no : Changed::unknown, written.error().text};
}

// ---- Databases

Result<std::vector<std::string>> MailboxDatabases::names() const {
  const auto now = catalogue();
  if (!now) return std::unexpected(now.error());
  std::vector<std::string> names{std::string(Catalogue::kDefault)};
  for (const auto& [name, entry] : (*now)->databases()) names.push_back(name);
  return names;
}

Result<MailboxDatabases::Place> MailboxDatabases::place_of(std::string_view account) const {
  const auto now = catalogue();
  if (!now) return std::unexpected(now.error());
  auto place = (*now)->place_of(account);
  const Origin origin = place.rule.empty() ? Origin{} : Origin{settings_().catalogue, place.line};
  return Place{std::move(place.database), std::move(place.rule), origin};
}

Result<MailboxMount*> MailboxDatabases::mount_of(std::string_view database) {
  const auto now = catalogue();
  if (!now) return std::unexpected(now.error());
  if (!(*now)->has(database))
    return fail(Fault::not_found, "there is no mailbox database '" + std::string(database) + "'");
  const std::scoped_lock lock(mutex_);
  auto& mount = mounts_[std::string(database)];
  if (!mount) {
    const std::string name(database);
    mount = std::make_unique<MailboxMount>(name,
                                           [this, name](Notes& notes) { return open_database(name, notes); });
  }
  return mount.get();
}

Result<std::unique_ptr<StoreDatabase>> MailboxDatabases::open_database(const std::string& name,
                                                                       Notes& notes) {
  const auto now = catalogue();
  if (!now) return std::unexpected(now.error());
  const auto configured = settings_();
  const auto place = mailbox_place(configured, **now, name);
  if (!place) return std::unexpected(place.error());
  bool may_make = name == Catalogue::kDefault;
  {
    const std::scoped_lock lock(mutex_);
    may_make |= name == creating_;
  }
  std::error_code error;
  if (!may_make && !fs::exists(place->directory / "header", error)) {
    // A disk that is not there must not become an empty database.
    return fail(Fault::not_found, "there is no database in " + place->directory.string() +
                                      ": is its disk mounted? One whose making was cut short is made by "
                                      "hikyaku store create " +
                                      name);
  }
  DatabaseSettings settings;
  settings.quota = configured.quota;
  settings.here = [this, name](std::string_view account) {
    const auto catalogue = catalogue_.load();
    return catalogue && catalogue->database_of(account) == name;
  };
  return StoreDatabase::open(*place, settings, clock_.now(), notes);
}

Result<std::shared_ptr<StoreDatabase>> MailboxDatabases::use(std::string_view database) {
  const auto mount = mount_of(database);
  if (!mount) return std::unexpected(mount.error());
  if (on_demand_) {
    Notes notes;
    const auto mounted = (*mount)->mount(notes);
    on_demand_(notes);
    if (!mounted) return std::unexpected(mounted.error());
  }
  return (*mount)->use();
}

Result<std::shared_ptr<StoreDatabase>> MailboxDatabases::use_for(std::string_view account) {
  const auto place = place_of(account);
  if (!place) return std::unexpected(place.error());
  return use(place->database);
}

std::vector<MailboxDatabases::Mounted> MailboxDatabases::mounted() const {
  std::vector<Mounted> all;
  const std::scoped_lock lock(mutex_);
  for (const auto& [name, mount] : mounts_) {
    if (auto database = mount->get()) all.push_back({name, std::move(database)});
  }
  return all;
}

std::vector<std::pair<std::string, double>> MailboxDatabases::states() const {
  std::vector<std::pair<std::string, double>> all;
  const std::scoped_lock lock(mutex_);
  for (const auto& [name, mount] : mounts_) all.emplace_back(name, mount->get() ? 1.0 : 0.0);
  return all;
}

Result<void> MailboxDatabases::mount(std::string_view database, Notes& notes) {
  if (!catalogue_.load()) {
    if (auto done = read(); !done) return done;
  }
  const auto mount = mount_of(database);
  if (!mount) return std::unexpected(mount.error());
  return (*mount)->mount(notes);
}

Result<void> MailboxDatabases::dismount(std::string_view database) {
  const auto mount = mount_of(database);
  if (!mount) return std::unexpected(mount.error());
  if ((*mount)->dismount("dismounted by hand; hikyaku store mount mounts it")) return {};
  return fail(Fault::temporary, "mailbox database " + std::string(database) +
                                    " is in use: sessions have not ended yet; try again");
}

Result<void> MailboxDatabases::create(const std::string& name, const fs::path& directory, Notes& notes) {
  if (auto valid = Catalogue::check_name(name); !valid) return valid;
  if (name == "catalogue" || name.starts_with("catalogue."))
    return fail(Fault::malformed, "a database can't be called as the catalogue is");
  const auto now = catalogue();
  if (!now) return std::unexpected(now.error());
  const auto value = directory.empty() ? name : directory.lexically_normal().string();
  const auto folder = path().parent_path() / value;
  const auto known = (*now)->databases().find(name);
  const auto names_it = [&name](const auto& one) { return one.second.value == name; };
  // Cut short, nothing can be in it.
  const bool again = known != (*now)->databases().end() && known->second.value == value &&
                     std::ranges::none_of((*now)->accounts(), names_it) &&
                     std::ranges::none_of((*now)->domains(), names_it);
  if ((*now)->has(name) && !again)
    return fail(Fault::permanent, "there is a mailbox database " + name + " already");
  if (has_files(folder)) return fail(Fault::permanent, "the folder " + folder.string() + " is not empty");
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return fail(Fault::permanent, "make the folder " + folder.string() + ": " + error.message());
  if (auto synced = io::sync_path(fs::absolute(folder).parent_path()); !synced) return synced;
  if (!again) {
    const auto change =
        change_catalogue([&](Catalogue& catalogue) { return catalogue.add_database(name, value); });
    if (change.changed != Changed::yes) return fail(Fault::permanent, change.error);
  }
  {
    const std::scoped_lock lock(mutex_);
    creating_ = name;
  }
  auto mounted = mount(name, notes);
  const std::scoped_lock lock(mutex_);
  creating_.clear();
  return mounted;
}

void MailboxDatabases::stop() {
  const std::scoped_lock lock(mutex_);
  for (const auto& [name, mount] : mounts_) mount->stop();
}

void MailboxDatabases::set_default_quota(std::uint64_t octets) {
  for (const auto& [name, database] : mounted()) database->store->set_default_quota({octets, 0});
}

}  // namespace hikyaku::serve
