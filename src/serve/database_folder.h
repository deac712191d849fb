#pragma once
#include <filesystem>
#include <string>

#include "base/result.h"

namespace hikyaku::serve {

/// Gives each file in `from` that is missing in `to` a second name there, which is a copy where nothing is
/// ever changed in place; on another file system it is copied. Folders below are not looked into, nor files
/// whose name begins with a dot. Nothing when there is no `from`. Synced.
Result<void> link_files(const std::filesystem::path& from, const std::filesystem::path& to);

/// Renames the database at `place`, if there is one, to its name with `suffix`, and `made` to `place`. Gives
/// where the old one is now; empty: there was none. When it fails all is as before.
Result<std::filesystem::path> put_in_place(const std::filesystem::path& place,
                                           const std::filesystem::path& made, const std::string& suffix);

}  // namespace hikyaku::serve
