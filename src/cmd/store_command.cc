#include "cmd/store_command.h"

#include <sysexits.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/escape.h"
#include "cmd/administer.h"
#include "cmd/command_line.h"
#include "cmd/commands.h"
#include "cmd/configuration_files.h"
#include "cmd/open_store.h"
#include "cmd/running_configuration.h"
#include "cmd/store_backup.h"
#include "cmd/store_compact.h"
#include "cmd/store_export.h"
#include "cmd/store_import.h"
#include "cmd/store_recovery.h"
#include "cmd/store_repair.h"
#include "io/system_random.h"
#include "serve/databases.h"
#include "store/store.h"

namespace hikyaku::cmd {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

int list(const fs::path& directory, bool as_json) {
  const auto opened = OpenStore::open(directory);
  if (!opened) return tell_store_error(opened.error());
  const auto mailboxes = opened->store->list_mailboxes();
  if (!mailboxes) return tell_store_error(mailboxes.error());
  if (!as_json && mailboxes->empty())
    std::puts("There is no mailbox yet: one is made with its first message.");
  if (!as_json && !mailboxes->empty()) std::puts("messages   unseen       octets  next UID  mailbox");
  int code = EX_OK;
  for (const auto& mailbox : *mailboxes) {
    const auto sum = opened->store->summary(mailbox.name);
    if (!sum) return tell_store_error(sum.error());
    if (sum->damaged > 0) code = EX_DATAERR;
    if (as_json) {
      print_json({{"mailbox", mailbox.name},
                  {"messages", sum->messages},
                  {"unseen", sum->unseen},
                  {"octets", sum->octets},
                  {"damaged", sum->damaged},
                  {"uid_validity", mailbox.uid_validity},
                  {"next_uid", mailbox.next_uid}});
      continue;
    }
    std::printf("%8llu %8llu %12llu %9u  %s", static_cast<unsigned long long>(sum->messages),
                static_cast<unsigned long long>(sum->unseen), static_cast<unsigned long long>(sum->octets),
                mailbox.next_uid, escaped(mailbox.name).c_str());
    if (sum->damaged > 0) std::printf("  (%llu damaged)", static_cast<unsigned long long>(sum->damaged));
    std::puts("");
  }
  return code;
}

}  // namespace

int store_command(int argc, char** argv) {
  CommandLine app{
      "hikyaku store",
      "The mailbox database, and the queue's: what is in it, whether it is whole, and how it is mounted\n"
      "again after a crash. list, status, check-logs and export change nothing and work beside a running "
      "hub."};
  std::string directory = kDefaultDirectory;
  bool as_json = false;
  app.config_directory(directory);
  app.flag("--json", as_json, "one JSON object a line");
  app.footer(
      "Examples:\n  hikyaku store -c DIR list\n  hikyaku store -c DIR export joe@example.org > joe.mbox\n"
      "  hikyaku store -c DIR export joe@example.org --recursive --format maildir --output Maildir\n"
      "  hikyaku store -c DIR export --all --format maildir --output /srv/mail\n"
      "  hikyaku store -c DIR export joe@example.org --uid 7 --format eml\n"
      "  hikyaku store -c DIR import joe@example.org /home/joe/Maildir\n"
      "  hikyaku store -c DIR import joe@example.org/Old old.mbox --skip-duplicates\n"
      "  hikyaku store -c DIR import --all /srv/mail\n"
      "  hikyaku store -c DIR check-logs --queue --json\n"
      "  hikyaku store -c DIR mount            replays the logs; tells what is lost when one is bad\n"
      "  hikyaku store -c DIR mount --force    without the bad logs, which are kept in quarantine\n"
      "  hikyaku store -c DIR repair           a new database of what is left, beside the damaged one\n"
      "  hikyaku store -c DIR backup /srv/backup        beside a running hub\n"
      "  hikyaku store -c DIR backups /srv/backup --verify\n"
      "  hikyaku store -c DIR restore /srv/backup --at 2026-11-24T09:00:00+09:00\n"
      "Exit code 65: something is damaged, or was left out of what went in or out; 66: there is no such "
      "database, mailbox, message or file; 75: it is in use, or not mounted.");

  bool queue = false;
  const auto with_queue = [&](const char* name, const char* help) -> CommandLine& {
    auto& command = app.subcommand(name, help);
    command.flag("--queue", queue, "the queue's database instead of the mailboxes'");
    return command;
  };
  auto& list_command = app.subcommand("list", "the mailboxes with their messages, unseen ones and octets");
  auto& status_command =
      with_queue("status", "clean or dirty shutdown, the logs required, backups, losses, the signature");
  auto& check_command =
      with_queue("check-logs",
                 "verify each log: ok, torn at the end, corrupt at an offset, missing, of another database");
  auto& verify_command =
      with_queue("verify",
                 "read every octet of logs and tables and compare with its checksum, then follow every cross "
                 "reference; large bodies, which are files, too");
  auto& mount_command = with_queue(
      "mount",
      "replay the logs and close the database in order; stops at a bad log and tells what it would cost");
  bool force = false;
  mount_command.flag("--force", force,
                     "set bad logs aside, keep all that is intact, write a report of the loss");
  auto& repair_command = with_queue(
      "repair",
      "read what is left where tables, large values or the list of them are damaged, and make a new database "
      "of it beside the old, which is not changed; the hub must have dismounted it");
  bool replace = false;
  repair_command.flag("--replace", replace, "then put it in the old one's place, which is kept beside it");
  auto& recover_command = with_queue("recover", "the same as mount without --force");
  auto& dismount_command = app.subcommand(
      "dismount", "a running hub closes the mailboxes' database; mail for it waits in the queue");
  auto& compact_command = app.subcommand(
      "compact",
      "give back the disk's room of what was expunged, moved or replaced, while the hub runs or not");
  auto& acknowledge_command =
      with_queue("acknowledge", "the reports of losses are known: status shows them no more");
  std::string backups, at;
  bool full = false, verify = false;
  auto& backup_command = app.subcommand(
      "backup",
      "add a backup of the mailboxes, while the hub runs or not: an incremental one, after a full one");
  backup_command.option("folder", &backups, "where backups of this database go", {.required = true});
  backup_command.flag("--full", full, "a full one, that shares no file with those before");
  auto& backups_command = app.subcommand("backups", "the backups in a folder");
  backups_command.option("folder", &backups, "as given to `backup`", {.required = true});
  backups_command.flag("--verify", verify, "read every octet and compare with the checksums");
  auto& restore_command = app.subcommand(
      "restore",
      "put the mailboxes back to a backup, and forward by the logs of the database that is there, which is "
      "kept beside it; the hub must have dismounted it");
  restore_command.option("folder", &backups, "as given to `backup`", {.required = true});
  restore_command.option("--at", &at,
                         "to this moment, as 2026-11-24T23:48:20Z; without: as far as backup and logs reach");
  StoreExport export_command(app);
  StoreImport import_command(app);
  if (const auto end = app.parse(argc, argv)) return *end;

  io::SystemRandom random;
  const auto loaded = load_configuration(directory, random, false);
  if (!loaded.running) return loaded.exit_code;
  const auto mailboxes = serve::mailbox_place(*loaded.running).directory;
  const auto place = queue ? serve::queue_place(*loaded.running) : serve::mailbox_place(*loaded.running);
  if (list_command.called()) return list(mailboxes, as_json);
  if (status_command.called()) return database_status(place, as_json);
  if (check_command.called()) return check_database_logs(place, as_json);
  if (verify_command.called()) return verify_database(place, as_json);
  if (mount_command.called() || recover_command.called())
    return mount_database(place, serve::control_path(loaded.running->queue_directory), force, as_json);
  if (repair_command.called())
    return repair_database(place, replace ? serve::Replace::yes : serve::Replace::no, as_json);
  if (dismount_command.called())
    return dismount_database(serve::control_path(loaded.running->queue_directory), as_json);
  if (compact_command.called()) return compact_database(*loaded.running, as_json);
  if (backup_command.called()) return back_up_database(*loaded.running, backups, full, as_json);
  if (backups_command.called()) return show_backups(backups, verify, as_json);
  if (restore_command.called()) return restore_database(place, backups, at, as_json);
  if (acknowledge_command.called()) return acknowledge_loss(place, as_json);
  if (import_command.called()) return import_command.run(*loaded.running, as_json);
  return export_command.run(mailboxes, as_json);
}

}  // namespace hikyaku::cmd
