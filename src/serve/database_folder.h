#pragma once
#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace hikyaku::serve {

/// What stands beside a database's folder, under its name, one of these and a time.
namespace beside {
inline constexpr std::string_view kRestoring = ".restoring-", kBeforeRestore = ".before-restore-",
                                  kRepairing = ".repairing-", kRepaired = ".repaired-",
                                  kBeforeRepair = ".before-repair-";
}  // namespace beside
std::filesystem::path folder_beside(const std::filesystem::path& database, std::string_view what, Time now);
/// Whether a folder has such a name.
bool is_beside_a_database(const std::filesystem::path& folder);

/// Gives each file in `from` that is missing in `to` a second name there, which is a copy where nothing is
/// ever changed in place; on another file system it is copied. Folders below are not looked into, nor files
/// whose name begins with a dot. Nothing when there is no `from`. Synced.
Result<void> link_files(const std::filesystem::path& from, const std::filesystem::path& to);

/// Renames the database at `place`, if there is one, to `aside`, and `made` to `place`, so that a crash at
/// any moment leaves a whole one at `place`. Gives where the old one is now; empty: there was none. When it
/// fails all is as before; also on a file system that can't exchange two names, as NFS.
Result<std::filesystem::path> put_in_place(const std::filesystem::path& place,
                                           const std::filesystem::path& made,
                                           const std::filesystem::path& aside);

}  // namespace hikyaku::serve
