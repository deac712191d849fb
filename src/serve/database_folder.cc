#include "serve/database_folder.h"

#include <algorithm>
#include <array>

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
  fs::path aside;
  if (fs::exists(place, error)) {
    aside = wanted;
    fs::rename(place, aside, error);
    if (error)
      return fail(Fault::permanent,
                  "rename " + place.string() + " to " + aside.string() + ": " + error.message());
  }
  fs::rename(made, place, error);
  if (error) {
    auto text = "rename " + made.string() + " to " + place.string() + ": " + error.message();
    std::error_code back;
    if (!aside.empty()) fs::rename(aside, place, back);
    if (back) text += "; and " + aside.string() + " could not be renamed back: " + back.message();
    return fail(Fault::permanent, std::move(text));
  }
  if (auto synced = io::sync_path(place.parent_path()); !synced) return std::unexpected(synced.error());
  return aside;
}

}  // namespace hikyaku::serve
