#include "cmd/store_salvage.h"

#include <fmt/format.h>
#include <sysexits.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "cmd/administer.h"
#include "cmd/store_work.h"
#include "io/system_clock.h"
#include "io/system_random.h"
#include "record/mailbox_catalogue.h"
#include "serve/log_salvage.h"

namespace hikyaku::cmd {
namespace {

using nlohmann::json;

std::uint64_t number(const json& row, const char* name) { return row.value(name, std::uint64_t{0}); }
/// Of the hub, or our own: escaped where it came from.
std::string text(const json& row, const char* name) { return row.value(name, std::string()); }

void print_row(const json& row, const std::string& database) {
  const bool dry_run = row.value("dry_run", false);
  if (row.contains("log")) {
    fmt::print("{}: {} intact records{}{}\n", text(row, "log"), number(row, "records"),
               number(row, "damages") > 0 ? fmt::format(", {} damages", number(row, "damages")) : "",
               row.contains("fault") ? ": " + text(row, "fault") : "");
  } else if (row.contains("mailbox")) {
    fmt::print("{}: {} added, {} bodies put back, {} there already, {} removed since, {} left out\n",
               text(row, "mailbox"), number(row, "added"), number(row, "bodies"), number(row, "had"),
               number(row, "removed"), number(row, "left_out"));
  } else if (row.contains("not_added")) {
    fmt::print("{}, UID {}: left out: {}\n", text(row, "not_added"), number(row, "uid"), text(row, "reason"));
  } else {
    fmt::print("{} messages {}, {} bodies put back; {} there already, {} removed since; {} left out\n",
               number(row, "added"), dry_run ? "would be added" : "added", number(row, "bodies"),
               number(row, "had"), number(row, "removed"), number(row, "left_out"));
    if (!dry_run && number(row, "left_out") == 0 && number(row, "faults") == 0) {
      fmt::print(
          "All that is intact in these logs is in the mailboxes. What follows, when nothing else is to be "
          "found:\n  hikyaku store acknowledge{}\n",
          database == record::MailboxCatalogue::kDefault ? "" : ' ' + database);
    }
  }
}

}  // namespace

StoreSalvage::StoreSalvage(CommandLine& store)
    : command_(store.subcommand(
          "salvage",
          "bring in mail that a database lost by `mount --force`, out of logs: a missing one that was found, "
          "or "
          "those in quarantine. Only what is intact in them, and what the database does not have and nobody "
          "removed since; under new UIDs, with flags and dates. A second run adds nothing; while the hub "
          "runs "
          "or not")) {
  command_.option("from", &from_, "logs (000123.log), or folders of them; without: all in quarantine");
  command_.option("--database", &database_, "the mailbox database");
  command_.flag("--dry-run", dry_run_, "tell what would be brought in, and change nothing");
}

int StoreSalvage::run(const serve::Running& running, bool as_json) const {
  serve::SalvageWish wish;
  wish.dry_run = dry_run_;
  json request{{"command", "store.salvage"}, {"dry_run", dry_run_}, {"from", json::array()}};
  for (const auto& path : from_) {
    wish.from.push_back(std::filesystem::absolute(path).lexically_normal());  // the hub stands elsewhere
    request["from"].push_back(wish.from.back().string());
  }
  const std::string name = database_.empty() ? std::string(record::MailboxCatalogue::kDefault) : database_;
  int code = EX_OK;
  const auto print = [&](const json& row) {
    if (number(row, "left_out") > 0 || number(row, "faults") > 0) code = EX_DATAERR;
    if (as_json) return print_json(row);
    print_row(row, name);
  };
  const auto here = [&](serve::StoreDatabase& database, const io::Progress& progress) -> Result<json> {
    io::SystemRandom random;
    const auto made = serve::salvage_logs(database, wish, io::SystemClock(), random, print, progress);
    if (!made) return std::unexpected(made.error());
    return serve::salvaged_row(*made, wish.dry_run);
  };
  return std::max(do_in_store(running, name, {"salvaging", request, print, here}), code);
}

}  // namespace hikyaku::cmd
