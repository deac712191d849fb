#include "cmd/store_databases.h"

#include <fmt/format.h>
#include <sysexits.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/escape.h"
#include "cmd/administer.h"
#include "cmd/control_client.h"
#include "cmd/open_store.h"
#include "cmd/progress.h"
#include "cmd/store_recovery.h"
#include "serve/account_mover.h"
#include "store/account_move.h"

namespace hikyaku::cmd {
namespace {

using nlohmann::json;

/// Null: it can't be read, as when it is not there or damaged.
json users_in(const StorePlaces& places, const serve::DatabasePlace& place) {
  const auto opened = OpenStore::open(place.directory, places.catalogue, place.name);
  if (!opened) return {};
  const auto accounts = store::accounts_in(*opened->store);
  return accounts ? json(accounts->size()) : json();
}

void print_moved(const json& row) {
  if (row.contains("domain")) {
    fmt::print("accounts to come of {} are in {}; {} are moved there\n",
               escaped(row["domain"].get<std::string>()), row["database"].get<std::string>(),
               row["accounts"].get<std::size_t>());
    return;
  }
  const auto account = escaped(row["account"].get<std::string>());
  const auto database = row["database"].get<std::string>();
  if (row.contains("error")) {
    fmt::print("{}: not moved: {}\n", account, escaped(row["error"].get<std::string>(), 1000));
  } else if (!row["moved"].get<bool>()) {
    fmt::print("{} is in {} already\n", account, database);
  } else {
    fmt::print("{} was moved from {} to {}: {} mailboxes, {} messages and {} removed ones, {} octets\n",
               account, row["from"].get<std::string>(), database, row["mailboxes"].get<std::uint64_t>(),
               row["messages"].get<std::uint64_t>(), row["removed"].get<std::uint64_t>(),
               row["octets"].get<std::uint64_t>());
  }
  if (row.contains("left_for_later"))
    fmt::print("{}: what it had there is cleaned away later, for: {}\n", account,
               escaped(row["left_for_later"].get<std::string>(), 1000));
}

}  // namespace

int list_databases(const serve::Running& running, bool as_json) {
  const auto places = StorePlaces::read(running);
  if (!places) return tell_store_error(places.error());
  if (!as_json)
    fmt::print("{:<16}  {:<22}  {:>8}  {:>14}  directory\n", "database", "state", "users", "octets");
  int code = EX_OK;
  for (const auto& place : places->all) {
    auto row = database_summary(place);
    row["users"] = users_in(*places, place);
    if (row["damaged"].get<bool>()) code = EX_DATAERR;
    if (as_json) {
      print_json(row);
      continue;
    }
    fmt::print("{:<16}  {:<22}  {:>8}  {:>14}  {}\n", place.name, row["state"].get<std::string>(),
               row["users"].is_null() ? "?" : row["users"].dump(), row["octets"].get<std::uint64_t>(),
               place.directory.string());
  }
  return code;
}

int create_database(const serve::Running& running, const std::string& name, const std::string& directory,
                    bool as_json) {
  const auto path = directory.empty() ? std::filesystem::path() : std::filesystem::absolute(directory);
  const json request{{"command", "store.create"}, {"database", name}, {"directory", path.string()}};
  const auto print = [&](const json& row) {
    if (as_json) return print_json(row);
    for (const auto& note : row["notes"]) fmt::print("{}\n", escaped(note.get<std::string>(), 4000));
    fmt::print("mailbox database {} was made\n", name);
  };
  const auto answered = ask_hub(serve::control_path(running.queue_directory), request, print);
  if (!answered) return tell_store_error(answered.error());
  if (*answered) return **answered;
  const auto offline = OfflineDatabases::open(running);
  if (!offline) return tell_store_error(offline.error());
  std::vector<std::string> notes;
  if (const auto made = (*offline)->databases.create(name, path, notes); !made)
    return tell_store_error(made.error());
  print({{"database", name}, {"created", true}, {"notes", notes}});
  return EX_OK;
}

int move_mailbox(const serve::Running& running, const std::string& account, const std::string& database,
                 bool as_json) {
  ProgressLine progress("moving");
  const auto row = [&](const json& one) {
    if (one.contains("done"))
      return progress(one["done"].get<std::uint64_t>(), one["all"].get<std::uint64_t>());
    progress.clear();
    as_json ? print_json(one) : print_moved(one);
  };
  const json request{{"command", "store.move"}, {"account", account}, {"database", database}};
  const auto answered = ask_hub(serve::control_path(running.queue_directory), request, row);
  if (!answered) return tell_store_error(answered.error());
  if (*answered) return **answered;
  const auto offline = OfflineDatabases::open(running);
  if (!offline) return tell_store_error(offline.error());
  serve::MailboxLocks sessions;
  const auto moved = serve::AccountMover((*offline)->databases, sessions, (*offline)->clock)
                         .answer(request, [&](const json& one) {
                           row(one);
                           return true;
                         });
  serve::settle_moves((*offline)->databases, [](const std::string& text) { tell_notes({text}); });
  return moved ? *moved : tell_store_error(moved.error());
}

}  // namespace hikyaku::cmd
