#include "cmd/store_salvage.h"

#include <fmt/format.h>
#include <sysexits.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/escape.h"
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
/// Names of mailboxes are escaped already.
std::string text(const json& row, const char* name) { return row.value(name, std::string()); }

std::string counts_text(const json& row, bool dry_run) {
  return fmt::format(
      "{} messages {}, {} damaged ones, {} bodies put back; {} there already, {} removed since; {} left out",
      number(row, "added"), dry_run ? "would be added" : "added", number(row, "doubtful"),
      number(row, "bodies"), number(row, "had"), number(row, "removed"), number(row, "left_out"));
}

void print_row(const json& row, const std::string& database) {
  if (row.contains("log")) {
    const auto damages = number(row, "damages");
    fmt::print("{}: {} intact records{}{}\n", escaped(text(row, "log")), number(row, "records"),
               damages > 0 ? fmt::format(", {} damages", damages) : "",
               row.contains("fault") ? ": " + text(row, "fault") : "");
    return;
  }
  if (row.contains("not_added")) {
    fmt::print("{}, UID {}: left out: {}\n", text(row, "not_added"), number(row, "uid"), text(row, "reason"));
    return;
  }
  const bool dry_run = row.value("dry_run", false);
  const auto counts = counts_text(row, dry_run);
  if (row.contains("mailbox")) {
    fmt::print("{}: {}\n", text(row, "mailbox"), counts);
    return;
  }
  fmt::print("{} in all\n", counts);
  if (number(row, "doubtful") > 0) {
    fmt::print("Damaged ones {} in the folder Salvaged of their account: any octet of them may be wrong\n",
               dry_run ? "would be" : "are");
  }
  if (dry_run || number(row, "left_out") > 0 || number(row, "faults") > 0) return;
  fmt::print(
      "All that these logs have is in the mailboxes. What follows, when nothing else is to be found:\n"
      "  hikyaku store acknowledge{}\n",
      database == record::MailboxCatalogue::kDefault ? "" : ' ' + database);
}

}  // namespace

StoreSalvage::StoreSalvage(CommandLine& store)
    : command_(store.subcommand(
          "salvage",
          "bring in mail that a database lost by `mount --force`, out of logs: a missing one that was found, "
          "or those in quarantine. What the database does not have and nobody removed since comes under new "
          "UIDs, with flags and dates; what is in a damaged record, as far as it can be read, into "
          "ACCOUNT/Salvaged. A second run adds nothing; while the hub runs or not")) {
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
