#pragma once
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <span>

#include "base/result.h"
#include "serve/mailbox_import.h"

namespace hikyaku::serve {

/// Gives the next octets that the asker sends behind its request, at least one, and how many; 0: it has gone.
/// An Error ends the request.
using RequestBody = std::function<Result<std::size_t>(std::span<char> room)>;

/// The row that tells how far an import has come.
nlohmann::json import_row(const ImportCounts& counts);

/// Takes the frames of an import (import_frames.h) in, as fast as the database takes them. Rows:
/// {"messages": N, "octets": N, "duplicates": N, "refused": N} after each commit, so that who asks knows what
/// is safe, and {"mailbox": "…", "error": "…"} of one that can't be had. Gives the exit code. Blocks.
Result<int> receive_import(MailboxImport& import, const RequestBody& body,
                           const std::function<bool(const nlohmann::json&)>& row);

}  // namespace hikyaku::serve
