#include "io/rocks_recovery.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "io/log_check.h"
#include "io/manifest_check.h"
#include "io/synced_files.h"

namespace hikyaku::io {
namespace {

namespace fs = std::filesystem;

std::unexpected<Error> system_failure(const std::string& what, int error) {
  return fail(error == ENOSPC ? Fault::temporary : Fault::permanent, what + ": " + std::strerror(error));
}

/// Cuts a file behind its first `kept` octets; where its copy is.
Result<fs::path> cut(const fs::path& database, const fs::path& file, std::uint64_t kept, Time now) {
  auto copy = copy_synced(file, quarantine_folder(database, now), database);
  if (!copy) return copy;
  if (::truncate(file.c_str(), static_cast<off_t>(kept)) != 0)
    return system_failure("cut " + file.string(), errno);
  if (auto synced = sync_path(file); !synced) return std::unexpected(synced.error());
  return copy;
}

Result<void> cut_torn_end(const fs::path& database, const LogReport& log, Time now,
                          std::vector<std::string>& notes) {
  const auto copy = cut(database, log.file, log.intact, now);
  if (!copy) return std::unexpected(copy.error());
  notes.push_back("log " + log.file.string() + ": " + log.reason + " at offset " +
                  std::to_string(log.intact) + ", normal after a crash; " +
                  std::to_string(log.octets - log.intact) +
                  " octets that were never acknowledged were cut, the original is " + copy->string());
  return {};
}

/// The engine refuses a list of tables whose last record is damaged, as a power failure leaves one that was
/// being written. What stands before it is what was synced.
Result<void> cut_unfinished_manifest(const fs::path& database, const DatabaseHeader& header, Time now,
                                     std::vector<std::string>& notes) {
  const auto kept = unfinished_manifest(database / "db", header);
  if (!kept) return {};
  const auto file = database / "db" / manifest_name(current_manifest(database / "db"));
  const auto copy = cut(database, file, *kept, now);
  if (!copy) return std::unexpected(copy.error());
  notes.push_back("list of tables " + file.string() + ": a record at offset " + std::to_string(*kept) +
                  " was not written to its end, normal after a crash; it was cut, the original is " +
                  copy->string());
  return {};
}

std::string describe(const LogReport& log) {
  auto out = log.file.string() + ": " + std::string(text(log.state));
  if (log.state == LogReport::State::corrupt) out += " at offset " + std::to_string(log.intact);
  out += ": " + log.reason;
  if (log.records > 0) {
    out += " (intact: " + std::to_string(log.records) + " records, sequence " +
           std::to_string(log.first_sequence) + " to " + std::to_string(log.next_sequence - 1) + ")";
  }
  return out;
}

}  // namespace

fs::path quarantine_folder(const fs::path& database, Time now) {
  return database / "quarantine" / file_name_text(now);
}

Result<void> make_logs_ready(const fs::path& database, const HeaderFile& file, Time now, bool write,
                             std::vector<std::string>& notes) {
  const auto& header = file.header();
  std::error_code error;
  if (!fs::exists(database / "db", error)) {
    if (header.state == DatabaseHeader::State::creating) return {};
    return fail(Fault::corrupt, "the database at " + database.string() + ": its folder db is missing");
  }
  if (!file.damage().empty()) notes.push_back(file.damage());
  const bool forced = header.state == DatabaseHeader::State::forced;
  auto logs = check_logs(database / "db", header.logs, file.acknowledged(), {},
                         forced ? Gaps::accepted : Gaps::refused);
  if (!logs) return std::unexpected(logs.error());
  if (header_is_foreign(database / "db", header, *logs)) {
    return fail(Fault::corrupt,
                "the database at " + database.string() +
                    " is not opened, so that nothing is lost; nothing was changed: its header " +
                    (database / "header").string() +
                    " is of another database. Restore it from a copy; or have it made from what is there, "
                    "with: hikyaku store mount");
  }
  // A database that was never finished may not name its list of tables yet; nobody has written to it.
  const bool creating = header.state == DatabaseHeader::State::creating;
  if (const auto fault = creating ? std::nullopt : manifest_fault(database / "db", header)) {
    return fail(Fault::corrupt,
                "the database at " + database.string() +
                    " is not opened, so that nothing is lost; nothing was changed. " + *fault +
                    "\nRestore that file from a copy, or the database from a backup; or have what is "
                    "left put into a new one, with: hikyaku store repair");
  }
  std::string bad;
  const LogReport* torn = nullptr;
  for (const auto& log : *logs) {
    if (log.state == LogReport::State::torn) torn = &log;
    if (is_damage(log.state)) bad += "\n  " + describe(log);
  }
  if (!bad.empty()) {
    return fail(
        Fault::corrupt,
        "the database at " + database.string() +
            " is not opened, so that nothing is lost; nothing was changed. Its logs:" + bad +
            "\nRestore the named files from a copy; or see what mounting without them would lose, with: "
            "hikyaku store mount");
  }
  if (!write) return {};
  if (auto done = cut_unfinished_manifest(database, header, now, notes); !done) return done;
  return torn != nullptr ? cut_torn_end(database, *torn, now, notes) : Result<void>{};
}

}  // namespace hikyaku::io
