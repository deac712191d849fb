#include "cmd/store_command.h"

#include <sysexits.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "cmd/command_line.h"
#include "cmd/commands.h"
#include "cmd/configuration_files.h"
#include "cmd/running_configuration.h"
#include "cmd/store_backup.h"
#include "cmd/store_compact.h"
#include "cmd/store_databases.h"
#include "cmd/store_export.h"
#include "cmd/store_import.h"
#include "cmd/store_places.h"
#include "cmd/store_recovery.h"
#include "cmd/store_repair.h"
#include "cmd/store_salvage.h"
#include "io/system_random.h"
#include "serve/databases.h"

namespace hikyaku::cmd {
namespace {

/// Of all databases when none is named; the worst exit code.
int for_each(const std::vector<serve::DatabasePlace>& places, bool as_json,
             int (*command)(const serve::DatabasePlace&, bool as_json)) {
  int worst = EX_OK;
  for (const auto& place : places) {
    if (!as_json && &place != &places.front()) std::puts("");
    worst = std::max(worst, command(place, as_json));
  }
  return worst;
}

}  // namespace

int store_command(int argc, char** argv) {
  CommandLine app{
      "hikyaku store",
      "The mailbox databases, and the queue's: what is in them, whether they are whole, how they are "
      "mounted\n"
      "again after a crash, and whose mailboxes are in which. list, status, check-logs and export change\n"
      "nothing and work beside a running hub. Without a name a database is `default`; status and check-logs\n"
      "then look at all."};
  std::string directory = kDefaultDirectory;
  bool as_json = false;
  app.config_directory(directory);
  app.flag("--json", as_json, "one JSON object a line");
  app.footer(
      "Examples:\n  hikyaku store -c DIR list\n  hikyaku store -c DIR create DB02 --directory /srv/db02\n"
      "  hikyaku store -c DIR move-mailbox joe@example.org DB02\n"
      "  hikyaku store -c DIR move-mailbox @example.org DB02     all of a domain, and those to come\n"
      "  hikyaku store -c DIR mount DB02\n  hikyaku store -c DIR export joe@example.org > joe.mbox\n"
      "  hikyaku store -c DIR export joe@example.org --recursive --format maildir --output Maildir\n"
      "  hikyaku store -c DIR export --all --format maildir --output /srv/mail\n"
      "  hikyaku store -c DIR export joe@example.org --uid 7 --format eml\n"
      "  hikyaku store -c DIR import joe@example.org /home/joe/Maildir\n"
      "  hikyaku store -c DIR import joe@example.org/Old old.mbox --skip-duplicates\n"
      "  hikyaku store -c DIR import --all /srv/mail\n"
      "  hikyaku store -c DIR check-logs --queue --json\n"
      "  hikyaku store -c DIR mount            replays the logs; tells what is lost when one is bad\n"
      "  hikyaku store -c DIR mount --force    without the bad logs, which are kept in quarantine\n"
      "  hikyaku store -c DIR salvage /mnt/old/000123.log     a missing log that was found after that\n"
      "  hikyaku store -c DIR repair           a new database of what is left, beside the damaged one\n"
      "  hikyaku store -c DIR backup /srv/backup        beside a running hub\n"
      "  hikyaku store -c DIR backups /srv/backup --verify\n"
      "  hikyaku store -c DIR restore /srv/backup --at 2026-11-24T09:00:00+09:00\n"
      "Exit code 65: something is damaged, or was left out of what went in or out; 66: there is no such "
      "database, mailbox, message or file; 75: it is in use, or not mounted.");

  bool queue = false;
  std::string name, place_of_new, account;
  const auto named = [&](CommandLine& command) -> CommandLine& {
    command.option("database,--database", &name, "the mailbox database");
    return command;
  };
  const auto with_queue = [&](const char* what, const char* help) -> CommandLine& {
    auto& command = named(app.subcommand(what, help));
    command.flag("--queue", queue, "the queue's database instead of a mailbox database");
    return command;
  };
  auto& list_command =
      app.subcommand("list",
                     "the mailbox databases with their state, users and octets; their mailboxes are "
                     "told by hikyaku mailbox list");
  auto& create_command = app.subcommand("create", "make a mailbox database, while the hub runs or not");
  create_command.option("database", &name, "its name: letters, digits, '-', '_', '.'", {.required = true});
  create_command.option("--directory", &place_of_new,
                        "a new or empty folder for it; without: beside the others");
  auto& move_command = app.subcommand(
      "move-mailbox",
      "bring all that a user has to another database, while the hub runs or not; its mail waits meanwhile");
  move_command.option("account", &account,
                      "user@domain, user, or @domain: all users of it, and those to come",
                      {.required = true});
  move_command.option("database", &name, "where they go", {.required = true});
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
  auto& dismount_command = named(
      app.subcommand("dismount", "a running hub closes a mailbox database; mail for it waits in the queue"));
  auto& compact_command = named(app.subcommand(
      "compact",
      "give back the disk's room of what was expunged, moved or replaced, while the hub runs or not"));
  with_queue("acknowledge", "the reports of losses are known: status shows them no more");
  std::string backups, at;
  bool full = false, verify = false;
  auto& backup_command = app.subcommand(
      "backup",
      "add a backup of the mailboxes, while the hub runs or not: an incremental one, after a full one");
  backup_command.option("folder", &backups, "where backups of this database go", {.required = true});
  const std::string_view which = "the mailbox database";
  backup_command.option("--database", &name, which);
  backup_command.flag("--full", full, "a full one, that shares no file with those before");
  auto& backups_command = app.subcommand("backups", "the backups in a folder");
  backups_command.option("folder", &backups, "as given to `backup`", {.required = true});
  backups_command.flag("--verify", verify, "read every octet and compare with the checksums");
  auto& restore_command = app.subcommand(
      "restore",
      "put the mailboxes back to a backup, and forward by the logs of the database that is there, which is "
      "kept beside it; the hub must have dismounted it");
  restore_command.option("folder", &backups, "as given to `backup`", {.required = true});
  restore_command.option("--database", &name, which);
  restore_command.option("--at", &at,
                         "to this moment, as 2026-11-24T23:48:20Z; without: as far as backup and logs reach");
  StoreExport export_command(app);
  StoreImport import_command(app);
  StoreSalvage salvage_command(app);
  if (const auto end = app.parse(argc, argv)) return *end;

  io::SystemRandom random;
  const auto loaded = load_configuration(directory, random, false);
  if (!loaded.running) return loaded.exit_code;
  const auto& running = *loaded.running;
  if (list_command.called()) return list_databases(running, as_json);
  if (create_command.called()) return create_database(running, name, place_of_new, as_json);
  if (move_command.called()) return move_mailbox(running, account, name, as_json);
  if (backups_command.called()) return show_backups(backups, verify, as_json);
  if (import_command.called()) return import_command.run(running, as_json);
  if (salvage_command.called()) return salvage_command.run(running, as_json);
  if (export_command.called()) return export_command.run(running, as_json);

  std::vector<serve::DatabasePlace> all;
  if (queue && !name.empty()) {
    std::fputs("hikyaku store: --queue is a database by itself: no name goes with it\n", stderr);
    return EX_USAGE;
  }
  if (queue) {
    all.push_back(serve::queue_place(running));
  } else {
    auto places = StorePlaces::read(running);
    if (!places) return tell_store_error(places.error());
    const bool looks_at_all = status_command.called() || check_command.called();
    if (name.empty() && looks_at_all) {
      all = std::move(places->all);
    } else {
      if (name.empty()) name = record::MailboxCatalogue::kDefault;
      auto place = places->find(name);
      if (!place) return tell_store_error(place.error());
      all.push_back(std::move(*place));
    }
  }
  const auto& place = all.front();
  if (status_command.called()) return for_each(all, as_json, database_status);
  if (check_command.called()) return for_each(all, as_json, check_database_logs);
  if (verify_command.called()) return verify_database(place, as_json);
  const auto control = serve::control_path(running.queue_directory);
  if (mount_command.called() || recover_command.called())
    return mount_database(place, control, force, as_json);
  if (repair_command.called())
    return repair_database(place, replace ? serve::Replace::yes : serve::Replace::no, as_json);
  if (dismount_command.called()) return dismount_database(place, control, as_json);
  if (compact_command.called()) return compact_database(running, name, as_json);
  if (backup_command.called()) return back_up_database(running, name, backups, full, as_json);
  if (restore_command.called()) return restore_database(place, backups, at, as_json);
  return acknowledge_loss(place, as_json);
}

}  // namespace hikyaku::cmd
