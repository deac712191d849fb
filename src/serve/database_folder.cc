#include "serve/database_folder.h"

#include <fcntl.h>
#include <stdio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "io/synced_files.h"

namespace hikyaku::serve {

namespace fs = std::filesystem;

fs::path folder_beside(const fs::path& database, std::string_view what, Time now) {
  return database.parent_path() / (database.filename().string().append(what) + file_name_text(now));
}

bool is_beside_a_database(const fs::path& folder) {
  using namespace beside;
  const auto name = folder.filename().string();
  return std::ranges::any_of(std::array{kRestoring, kBeforeRestore, kRepairing, kRepaired, kBeforeRepair},
                             [&](std::string_view what) { return name.find(what) != std::string::npos; });
}

Result<void> link_files(const fs::path& from, const fs::path& to) {
  std::error_code error;
  if (!fs::is_directory(from, error)) return {};
  fs::create_directories(to, error);
  if (error) return fail(Fault::permanent, "make the folder " + to.string() + ": " + error.message());
  for (fs::directory_iterator one(from, error), end; !error && one != end; one.increment(error)) {
    const auto name = one->path().filename();
    std::error_code ignored;
    if (name.string().starts_with('.') || !one->is_regular_file(ignored) || fs::exists(to / name, ignored))
      continue;
    fs::create_hard_link(one->path(), to / name, error);
    if (error == std::errc::cross_device_link) {
      error.clear();
      if (auto copied = io::copy_synced(one->path(), to, to); !copied) return std::unexpected(copied.error());
    }
    if (error) break;
  }
  if (error) {
    return fail(error == std::errc::no_space_on_device ? Fault::temporary : Fault::permanent,
                "bring the files in " + from.string() + " to " + to.string() + ": " + error.message());
  }
  return io::sync_path(to);
}

Result<fs::path> put_in_place(const fs::path& place, const fs::path& made, const fs::path& wanted) {
  std::error_code error;
  const bool replaces = fs::exists(place, error);
  const auto renamed = [&error](const fs::path& from, const fs::path& to) -> Result<void> {
    fs::rename(from, to, error);
    if (!error) return {};
    return fail(Fault::permanent, "rename " + from.string() + " to " + to.string() + ": " + error.message());
  };
  // The new one under the old one's later name, and then both names in one step: at no moment is there no
  // database in its place, which a hub that starts just then would make an empty one in.
  if (auto done = renamed(made, replaces ? wanted : place); !done) return std::unexpected(done.error());
  if (replaces && ::renameat2(AT_FDCWD, wanted.c_str(), AT_FDCWD, place.c_str(), RENAME_EXCHANGE) != 0) {
    const auto reason = errno;
    if (auto back = renamed(wanted, made); !back) return std::unexpected(std::move(back.error()));
    return fail(Fault::permanent,
                "exchange " + made.string() + " and " + place.string() + ": " + std::strerror(reason) +
                    "; a file system that can't do so needs it by hand, while no hub runs: mv " +
                    place.string() + ' ' + wanted.string() + " && mv " + made.string() + ' ' +
                    place.string());
  }
  if (auto synced = io::sync_path(place.parent_path()); !synced) return std::unexpected(synced.error());
  return replaces ? wanted : fs::path();
}

}  // namespace hikyaku::serve
