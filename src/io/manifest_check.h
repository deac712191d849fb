#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "io/database_header.h"
#include "io/log_check.h"

namespace hikyaku::io {

/// "MANIFEST-000005"
std::string manifest_name(std::uint64_t number);
/// The number in "MANIFEST-000005"; 0 for any other name.
std::uint64_t manifest_number(std::string_view file_name);
/// The manifest that `db`/CURRENT names; 0 when it names none.
std::uint64_t current_manifest(const std::filesystem::path& db);

/// Verifies the list of tables that `db`/CURRENT names against what the header keeps of it. The engine takes
/// a list that was cut short, or has zeros in it, for an older one, and removes the tables that it does not
/// name. nullopt: it is whole, or the header does not know. Else what is wrong, with the file and, where it
/// can be told, the offset.
std::optional<std::string> manifest_fault(const std::filesystem::path& db, const DatabaseHeader& header);

/// The same of one that the header knows, whether or not CURRENT names it.
std::optional<std::string> manifest_fault(const std::filesystem::path& db, const CataloguedManifest& listed);

/// Where the whole records end of a list in which something else follows; nullopt: nothing does, or the
/// header does not know it. What the header knows is whole (see manifest_fault()): what follows was being
/// written in a crash, and nobody was told that it is there.
std::optional<std::uint64_t> unfinished_manifest(const std::filesystem::path& db,
                                                 const DatabaseHeader& header);

/// Of `db`/IDENTITY; 0: it can't be read.
std::uint32_t identity_sum(const std::filesystem::path& db);

/// Whether the header is another database's: neither its list of tables nor its identity are those in `db`,
/// nor any of its logs. `logs` are what check_logs() found by it.
bool header_is_foreign(const std::filesystem::path& db, const DatabaseHeader& header,
                       const std::vector<LogReport>& logs);

}  // namespace hikyaku::io
