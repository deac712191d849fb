#include "cmd/store_backup.h"

#include <fmt/format.h>
#include <sysexits.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "cmd/administer.h"
#include "cmd/progress.h"
#include "cmd/store_recovery.h"
#include "cmd/store_work.h"
#include "io/system_clock.h"
#include "serve/backups.h"

namespace hikyaku::cmd {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

void print_backup(const json& row, bool as_json) {
  if (as_json) return print_json(row);
  fmt::print("{:<20}  {:<11}  {:>14} octets  {:>6} files  {}, {}\n", row["time"].get<std::string>(),
             row["kind"].get<std::string>(), row["octets"].get<std::uint64_t>(),
             row["files"].get<std::uint64_t>(), row["set"].get<std::string>(),
             row["number"].get<std::uint32_t>());
  if (row.contains("why_full")) fmt::print("  full: {}\n", row["why_full"].get<std::string>());
  if (row.contains("fault")) fmt::print("  damaged: {}\n", row["fault"].get<std::string>());
}

}  // namespace

int back_up_database(const serve::Running& running, const std::string& name, const std::string& folder,
                     bool full, bool as_json) {
  const auto path = fs::absolute(folder).lexically_normal();
  const json request{{"command", "store.backup"}, {"folder", path.string()}, {"full", full}};
  const auto here = [&](serve::StoreDatabase& database, const io::Progress& progress) -> Result<json> {
    const auto made =
        serve::back_up(*database.kv, *database.blob, path, full, io::SystemClock().now(), progress);
    if (!made) return std::unexpected(made.error());
    return serve::backup_row(*made);
  };
  const auto print = [&](const json& row) { print_backup(row, as_json); };
  return do_in_store(running, name, {"backing up", request, print, here});
}

int show_backups(const std::string& folder, bool verify, bool as_json) {
  const auto all = serve::list_backups(folder);
  if (!all) return tell_store_error(all.error());
  for (const auto& one : *all) print_backup(serve::backup_row(one), as_json);
  if (!as_json && all->empty()) std::puts("There is no finished backup.");
  if (!verify) return EX_OK;
  ProgressLine progress("verifying backups");
  const auto verified = serve::verify_backups(folder, std::ref(progress));
  if (!verified) return tell_store_error(verified.error());
  progress.clear();
  for (const auto& [set, fault] : verified->faults) {
    if (as_json) {
      print_json({{"set", set.string()}, {"number", fault.number}, {"ok", false}, {"reason", fault.reason}});
    } else {
      fmt::print("{}, {}: {}\n", set.string(), fault.number, fault.reason);
    }
  }
  if (as_json) {
    print_json({{"backups", verified->backups}, {"bad", verified->faults.size()}});
  } else {
    fmt::print("{} backups, every octet read: {} bad files\n", verified->backups, verified->faults.size());
  }
  return verified->faults.empty() ? EX_OK : EX_DATAERR;
}

int restore_database(const serve::DatabasePlace& place, const std::string& folder, const std::string& at,
                     bool as_json) {
  std::optional<Time> moment;
  if (!at.empty()) {
    moment = parse_iso_time(at);
    if (!moment) {
      fmt::print(stderr,
                 "hikyaku store restore: --at '{}' is no moment as 2026-11-24T23:48:20Z or "
                 "2026-11-25T08:48:20+09:00\n",
                 at);
      return EX_USAGE;
    }
  }
  ProgressLine progress("restoring");
  const auto restored =
      serve::restore_backup(place, folder, moment, io::SystemClock().now(), std::ref(progress));
  if (!restored) return tell_store_error(restored.error());
  progress.clear();
  const auto until = restored->until == Time{} ? std::string() : iso_text(restored->until);
  if (as_json) {
    print_json({{"directory", place.directory.string()},
                {"backup", serve::backup_row(restored->backup)},
                {"changes_from_logs", restored->changes},
                {"until", until},
                {"stopped", restored->stopped},
                {"put_aside", restored->put_aside.string()},
                {"notes", restored->notes}});
    return restored->stopped.empty() ? EX_OK : EX_DATAERR;
  }
  fmt::print("{} is the backup of {}", place.directory.string(), iso_text(restored->backup.backup.begun));
  if (restored->changes > 0) fmt::print(", and {} changes from the logs until {}", restored->changes, until);
  fmt::print("\n");
  if (!restored->stopped.empty()) fmt::print("The logs could not be followed: {}\n", restored->stopped);
  for (const auto& note : restored->notes) fmt::print("{}\n", note);
  if (!restored->put_aside.empty())
    fmt::print("What was there before is whole in {}\n", restored->put_aside.string());
  return restored->stopped.empty() ? EX_OK : EX_DATAERR;
}

}  // namespace hikyaku::cmd
