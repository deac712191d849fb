#pragma once
#include <filesystem>
#include <string_view>

#include "base/result.h"

namespace hikyaku::io {

/// Syncs a file, or a folder's list of names.
Result<void> sync_path(const std::filesystem::path& path);

/// Copies a file into `folder`, which is made, under its own name, and syncs the copy and the folders up to
/// and with `above`. Fault::temporary: the disk is full.
Result<std::filesystem::path> copy_synced(const std::filesystem::path& file,
                                          const std::filesystem::path& folder,
                                          const std::filesystem::path& above);

/// Writes a file under a temporary name, syncs it, and puts it in place of `path`, synced too.
Result<void> replace_synced(const std::filesystem::path& path, std::string_view contents);

}  // namespace hikyaku::io
