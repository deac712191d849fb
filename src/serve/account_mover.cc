#include "serve/account_mover.h"

#include <sysexits.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <set>

#include "serve/progress_rows.h"
#include "store/mailbox_name.h"
#include "store/registry.h"

namespace hikyaku::serve {
namespace {

using nlohmann::json;

constexpr std::chrono::seconds kPatience{30};  // for changes that had begun

store::MoveEnd end_of(const std::string& name, StoreDatabase& database) {
  return {name, *database.store, *database.blob,
          [&database](Kv::Batch batch) { return database.commits->commit(std::move(batch)); }};
}

std::unexpected<Error> busy() {
  return fail(Fault::temporary, "another account is moved, or removed mail is purged, just now: try again");
}

/// Keeps all accounts of a domain closed.
class ClosedDomain {
 public:
  explicit ClosedDomain(std::string whom) : whom_(std::move(whom)) {}
  ClosedDomain(const ClosedDomain&) = delete;
  ClosedDomain& operator=(const ClosedDomain&) = delete;
  ~ClosedDomain() {
    for (const auto& database : databases_) database->store->registry().reopen(whom_);
  }
  /// False: changes of them take too long.
  bool add(std::shared_ptr<StoreDatabase> database) {
    auto& registry = database->store->registry();
    registry.close(whom_);
    databases_.push_back(std::move(database));
    return registry.wait_quiet(whom_, kPatience);
  }

 private:
  std::string whom_;
  std::vector<std::shared_ptr<StoreDatabase>> databases_;
};

}  // namespace

Result<int> AccountMover::answer(const json& request, const Row& row) {
  const auto account = request.value("account", std::string());
  const auto to = request.value("database", std::string());
  const std::unique_lock moving(databases_.moving(), std::try_to_lock);
  if (!moving.owns_lock()) return busy();
  if (account.starts_with('@')) return move_domain(account.substr(1), to, row);
  if (auto valid = store::check_mailbox_name(account); !valid) return std::unexpected(valid.error());
  if (!store::is_inbox(account))
    return fail(Fault::malformed, "a user's mailboxes are moved together: name the user");
  const auto moved = move(account, to, row);
  if (!moved) return std::unexpected(moved.error());
  row(*moved);
  return EX_OK;
}

Result<json> AccountMover::move(const std::string& account, const std::string& to, const Row& row) {
  const auto place = databases_.place_of(account);
  if (!place) return std::unexpected(place.error());
  const auto target = databases_.use(to);
  if (!target) return std::unexpected(target.error());
  if (place->database == to) {
    const auto change = databases_.change_catalogue(
        [&](MailboxDatabases::Catalogue& catalogue) { return catalogue.put_account(account, to); });
    if (change.changed != MailboxDatabases::Changed::yes) return fail(Fault::temporary, change.error);
    return json{{"account", account}, {"database", to}, {"from", to}, {"moved", false}};
  }
  const auto source = databases_.use(place->database);
  if (!source) return std::unexpected(source.error());
  const auto session = sessions_.take(account);
  if (!session)
    return fail(Fault::temporary, "'" + account + "' is read by a POP3 session: try again when it has ended");
  auto from_end = end_of(place->database, **source), to_end = end_of(to, **target);
  store::AccountMove moving(from_end, to_end, account, progress_rows(row));
  if (auto begun = moving.begin(kPatience); !begun) return std::unexpected(std::move(begun.error()));
  return move_closed(moving, account, place->database, to);
}

Result<json> AccountMover::move_closed(store::AccountMove& move, const std::string& account,
                                       const std::string& from, const std::string& to) {
  using Changed = MailboxDatabases::Changed;
  const auto give_up = [&](Error error) {
    if (auto done = move.give_up(); !done)
      error.text += "; what was copied is cleaned away later, for: " + done.error().text;
    return std::unexpected(std::move(error));
  };
  const auto copied = move.copy(clock_.now());
  if (!copied) return give_up(copied.error());
  const auto change = databases_.change_catalogue(
      [&](MailboxDatabases::Catalogue& catalogue) { return catalogue.put_account(account, to); });
  if (change.changed == Changed::no) return give_up({Fault::temporary, change.error});
  if (change.changed == Changed::unknown) {
    move.leave_closed();
    return fail(
        Fault::temporary,
        "mail of '" + account + "' waits until the next start, which decides where it is: " + change.error);
  }
  json row{{"account", account},
           {"database", to},
           {"from", from},
           {"moved", true},
           {"mailboxes", copied->mailboxes},
           {"messages", copied->messages},
           {"removed", copied->removed},
           {"octets", copied->octets}};
  if (const auto done = move.take_over(); !done) row["left_for_later"] = done.error().text;
  return row;
}

Result<int> AccountMover::move_domain(const std::string& domain, const std::string& to, const Row& row) {
  const auto accounts = assign_domain(domain, to);
  if (!accounts) return std::unexpected(accounts.error());
  row({{"domain", domain}, {"database", to}, {"accounts", accounts->size()}});
  int code = EX_OK;
  for (const auto& account : *accounts) {
    const auto moved = move(account, to, row);
    if (moved) {
      row(*moved);
      continue;
    }
    code = EX_TEMPFAIL;
    row({{"account", account}, {"database", to}, {"moved", false}, {"error", moved.error().text}});
  }
  return code;
}

/// Accounts to come are in `to` from here on; those that are somewhere stay there, by a line of their own,
/// until they are moved. Gives these.
Result<std::vector<std::string>> AccountMover::assign_domain(const std::string& domain,
                                                             const std::string& to) {
  if (domain.empty()) return fail(Fault::malformed, "no domain behind the '@'");
  const auto names = databases_.names();
  if (!names) return std::unexpected(names.error());
  std::map<std::string, std::string> found;  // accounts: databases
  ClosedDomain closed('@' + domain);
  for (const auto& name : *names) {
    auto database = databases_.use(name);
    // What is in it is not known.
    if (!database) return std::unexpected(database.error());
    auto& store = *(*database)->store;
    if (!closed.add(std::move(*database)))
      return fail(Fault::temporary, "changes of mailboxes of '" + domain + "' take too long: try again");
    const auto accounts = store::accounts_in(store);
    if (!accounts) return std::unexpected(accounts.error());
    for (const auto& account : *accounts) {
      if (record::domain_of_account(account) == domain) found[account] = name;
    }
  }
  const auto change =
      databases_.change_catalogue([&](MailboxDatabases::Catalogue& catalogue) -> Result<void> {
        if (auto put = catalogue.put_domain(domain, to); !put) return put;
        for (const auto& [account, name] : found) {
          if (auto put = catalogue.put_account(account, name); !put) return put;
        }
        return {};
      });
  if (change.changed != MailboxDatabases::Changed::yes) return fail(Fault::temporary, change.error);
  std::vector<std::string> wanted;
  for (const auto& [account, name] : found) {
    if (name != to) wanted.push_back(account);
  }
  return wanted;
}

void settle_moves(MailboxDatabases& databases, const std::function<void(const std::string&)>& tell) {
  const std::unique_lock moving(databases.moving(), std::try_to_lock);
  if (!moving.owns_lock()) return;
  for (const auto& [name, database] : databases.mounted()) {
    const auto items = store::moved_accounts(*database->kv);
    if (!items) {
      tell(items.error().text);
      continue;
    }
    for (const auto& [account, moved] : *items) {
      const auto place = databases.place_of(account);
      if (!place) return tell(place.error().text);
      const auto what = "account " + account + " of a move from " + moved.from + " to " + moved.to;
      if (place->database != moved.from && place->database != moved.to) {
        tell(what + " is in " + place->database + ": what " + name + " has of it is left as it is");
        continue;
      }
      auto end = end_of(name, *database);
      const auto done = store::settle(end, account);
      if (!done) {
        tell(what + ": " + done.error().text);
      } else if (place->database == name) {
        tell(what + " is in " + name);
      } else {
        tell(what + ": what was left of it in " + name + " is cleaned away");
      }
    }
  }
}

}  // namespace hikyaku::serve
