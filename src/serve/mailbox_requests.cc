#include "serve/mailbox_requests.h"

#include <sysexits.h>

#include <algorithm>
#include <mutex>
#include <nlohmann/json.hpp>

#include "serve/mailbox_administration.h"
#include "store/mailbox_name.h"

namespace hikyaku::serve {
namespace {

using nlohmann::json;
using Row = MailboxAdministration::Row;

Result<int> answer_from(StoreDatabase& database, const Clock& clock, const MailboxRules& rules,
                        const json& request, const Row& row) {
  return MailboxAdministration(*database.store, *database.commits, *database.blob, clock, rules)
      .answer(request, row);
}

/// Whose mailboxes it is about; empty: everybody's.
std::string account_of_request(const json& request) {
  for (const auto* key : {"account", "mailbox", "to"}) {
    if (const auto name = request.value(key, std::string()); !name.empty())
      return std::string(store::account_of(name));
  }
  return {};
}

bool tells_database(const json& request) { return request.value("command", std::string()) == "mailbox.list"; }
json with_database(json row, const std::string& name) {
  row["database"] = name;
  return row;
}

Result<int> answer_from_all(MailboxDatabases& databases, const Clock& clock, const MailboxRules& rules,
                            const json& request, const Row& row) {
  const auto names = databases.names();
  if (!names) return std::unexpected(names.error());
  const bool tells = names->size() > 1 || tells_database(request);
  int worst = EX_OK;
  for (const auto& name : *names) {
    const auto database = databases.use(name);
    if (!database) {
      worst = EX_TEMPFAIL;
      if (!row({{"database", name}, {"left_out", database.error().text}})) break;
      continue;
    }
    bool gone = false;
    const Row named = [&](const json& one) {
      gone = !row(tells ? with_database(one, name) : one);
      return !gone;
    };
    const auto code = answer_from(**database, clock, rules, request, named);
    if (!code) return code;
    worst = std::max(worst, *code);
    if (gone) break;
  }
  return worst;
}

}  // namespace

Result<int> answer_mailbox_request(MailboxDatabases& databases, const Clock& clock, const MailboxRules& rules,
                                   const json& request, const Row& row) {
  std::unique_lock<std::mutex> moving;
  if (request.value("command", std::string()) == "mailbox.purge") {
    moving = std::unique_lock(databases.moving(), std::try_to_lock);
    if (!moving.owns_lock())
      return fail(Fault::temporary, "an account is moved just now: what was removed is purged after it");
  }
  const auto account = account_of_request(request);
  if (account.empty()) return answer_from_all(databases, clock, rules, request, row);
  const auto place = databases.place_of(account);
  if (!place) return std::unexpected(place.error());
  const auto database = databases.use(place->database);
  if (!database) return std::unexpected(database.error());
  const Row named = [&](const json& one) {
    return row(tells_database(request) ? with_database(one, place->database) : one);
  };
  return answer_from(**database, clock, rules, request, named);
}

}  // namespace hikyaku::serve
