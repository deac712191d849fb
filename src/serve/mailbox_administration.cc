#include "serve/mailbox_administration.h"

#include <sysexits.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

#include "serve/mailbox_expiry.h"
#include "serve/progress_rows.h"
#include "store/folders.h"
#include "store/messages.h"
#include "store/removed.h"
#include "store/usage.h"

namespace hikyaku::serve {
namespace {

using nlohmann::json;

constexpr int kTries = 5;
constexpr std::size_t kRows = 500;
constexpr std::size_t kPurgedAtOnce = 200;

std::int64_t seconds(Time time) {
  return std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
}

std::string text_of(const json& request, const char* key) { return request.value(key, std::string()); }

}  // namespace

Result<void> MailboxAdministration::change(const std::function<Result<store::Change>(Kv::Batch&)>& compose) {
  Result<void> done;
  for (int i = 0; i < kTries; ++i) {
    Kv::Batch batch;
    auto composed = compose(batch);
    if (!composed) return std::unexpected(std::move(composed.error()));
    if (batch.empty()) return {};
    done = commits_.commit(std::move(batch));
    if (done) composed->committed();
    if (done || done.error().fault != Fault::not_found) return done;
  }
  return fail(Fault::temporary, "the mailbox changes all the while: try again");
}

Result<int> MailboxAdministration::answer(const json& request, const Row& row) {
  const auto command = text_of(request, "command");
  const auto mailbox = text_of(request, "mailbox");
  if (command == "mailbox.list") return list(request, row);
  if (command == "mailbox.quota") return quota(request, row);
  if (command == "mailbox.removed") return removed(request, row);
  if (command == "mailbox.restore") return restore(request, row);
  if (command == "mailbox.purge") return purge(request, row);
  if (command == "mailbox.expire") return expire(request, row);
  Result<void> done = fail(Fault::malformed, "there is no request '" + command + "'");
  const auto now = clock_.now();
  if (command == "mailbox.create") {
    done = change([&](Kv::Batch& batch) { return store::create_mailbox(store_, batch, mailbox, now); });
  } else if (command == "mailbox.delete") {
    done = change([&](Kv::Batch& batch) { return store::remove_mailbox(store_, batch, mailbox, now); });
  } else if (command == "mailbox.rename") {
    const auto to = text_of(request, "to");
    done = change([&](Kv::Batch& batch) { return store::rename_mailbox(store_, batch, mailbox, to, now); });
  }
  if (!done) return std::unexpected(std::move(done.error()));
  row({{"mailbox", mailbox}, {"done", true}});
  return EX_OK;
}

Result<int> MailboxAdministration::list(const json& request, const Row& row) {
  const auto account = text_of(request, "account");
  const auto mailboxes = store_.list_mailboxes();
  if (!mailboxes) return std::unexpected(mailboxes.error());
  for (const auto& mailbox : *mailboxes) {
    if (!account.empty() && store::account_of(mailbox.name) != account) continue;
    json one{{"mailbox", mailbox.name}, {"selectable", mailbox.selectable}};
    if (mailbox.selectable) {
      const auto counts = store_.counts(mailbox.name);
      if (!counts) return std::unexpected(counts.error());
      one.update({{"messages", counts->messages},
                  {"unseen", counts->unseen},
                  {"octets", counts->octets},
                  {"uid_validity", mailbox.uid_validity},
                  {"next_uid", mailbox.next_uid},
                  {"highest_modseq", mailbox.highest_modseq}});
    }
    if (!row(one)) break;
  }
  return EX_OK;
}

Result<int> MailboxAdministration::quota(const json& request, const Row& row) {
  const auto account = text_of(request, "account");
  if (auto valid = store::check_mailbox_name(account); !valid) return std::unexpected(valid.error());
  if (!store::is_inbox(account))
    return fail(Fault::malformed, "a quota is for a user's mailboxes together: name the user");
  if (request.value("default", false) || request.contains("octets") || request.contains("messages")) {
    std::optional<store::Quota> own;
    if (!request.value("default", false))
      own = store::Quota{request.value("octets", std::uint64_t{0}),
                         request.value("messages", std::uint64_t{0})};
    auto done = change([&](Kv::Batch& batch) { return store::set_quota(store_, batch, account, own); });
    if (!done) return std::unexpected(std::move(done.error()));
  }
  if (request.value("recount", false)) {
    auto done = change([&](Kv::Batch& batch) -> Result<store::Change> {
      const auto counted = store::recount(store_, batch, account);
      if (!counted) return std::unexpected(counted.error());
      return store::Change(&store_.registry());
    });
    if (!done) return std::unexpected(std::move(done.error()));
  }
  const auto limit = store::quota_of(store_, account);
  if (!limit) return std::unexpected(limit.error());
  const auto usage = store::usage_of(store_, account);
  if (!usage) return std::unexpected(usage.error());
  row({{"account", account},
       {"octets", usage->octets},
       {"messages", usage->messages},
       {"octets_limit", limit->octets},
       {"messages_limit", limit->messages}});
  return EX_OK;
}

Result<int> MailboxAdministration::removed(const json& request, const Row& row) {
  const auto mailbox = text_of(request, "mailbox");
  if (mailbox.empty()) {
    const auto mailboxes = store::list_removed_mailboxes(store_);
    if (!mailboxes) return std::unexpected(mailboxes.error());
    for (const auto& [id, one] : *mailboxes) {
      if (!row({{"id", id},
                {"mailbox", one.name},
                {"removed", seconds(one.removed)},
                {"purging", one.purging}}))
        break;
    }
    return EX_OK;
  }
  for (store::Uid from = 1;;) {
    const auto items = store::list_removed(store_, mailbox, from, kRows);
    if (!items) return std::unexpected(items.error());
    for (const auto& [uid, one] : *items) {
      const auto size = one.message.prefix.size() + one.message.body_size;
      if (!row({{"uid", uid},
                {"removed", seconds(one.removed)},
                {"received", seconds(one.message.received)},
                {"sender", one.message.sender.text()},
                {"queue_id", one.message.queue_id.text()},
                {"octets", size}}))
        return EX_OK;
      from = uid + 1;
    }
    if (items->size() < kRows) return EX_OK;
  }
}

Result<int> MailboxAdministration::restore(const json& request, const Row& row) {
  if (request.contains("id")) {
    const auto to = text_of(request, "to");
    const auto id = request["id"].get<std::uint32_t>();
    auto done =
        change([&](Kv::Batch& batch) { return store::restore_mailbox(store_, batch, id, to, clock_.now()); });
    if (!done) return std::unexpected(std::move(done.error()));
    row({{"mailbox", to}, {"done", true}});
    return EX_OK;
  }
  const auto mailbox = text_of(request, "mailbox");
  if (request.contains("uids"))
    return restore_messages(mailbox, request["uids"].get<std::vector<store::Uid>>(), row);
  int code = EX_NOINPUT;
  for (;;) {
    const auto items = store::list_removed(store_, mailbox, 1, kRows);
    if (!items) return std::unexpected(items.error());
    if (items->empty()) return code;
    std::vector<store::Uid> uids;
    for (const auto& item : *items) uids.push_back(item.uid);
    if (auto done = restore_messages(mailbox, uids, row); !done || *done != EX_OK) return done;
    code = EX_OK;
  }
}

Result<int> MailboxAdministration::restore_messages(const std::string& mailbox,
                                                    const std::vector<store::Uid>& uids, const Row& row) {
  std::vector<std::pair<store::Uid, store::Uid>> restored;
  auto done = change([&](Kv::Batch& batch) -> Result<store::Change> {
    auto composed = store::restore(store_, batch, mailbox, uids, clock_.now());
    if (!composed) return std::unexpected(composed.error());
    restored = std::move(composed->uids);
    return std::move(composed->change);
  });
  if (!done) return std::unexpected(std::move(done.error()));
  for (const auto& [was, is] : restored) {
    if (!row({{"uid", was}, {"new_uid", is}})) break;
  }
  return restored.empty() ? EX_NOINPUT : EX_OK;
}

Result<int> MailboxAdministration::purge(const json& request, const Row& row) {
  const std::chrono::seconds older{request.value("older", std::int64_t{0})};
  const auto now = clock_.now();
  int code = EX_OK;
  const auto limits = rules_.purge_limits(older, now, [&](std::string_view mailbox, const Error& error) {
    if (std::exchange(code, EX_CONFIG) == EX_OK) row({{"mailbox", mailbox}, {"error", error.text}});
  });
  std::size_t messages = 0;
  std::size_t kept = 0;
  std::string next;
  for (bool more = true; more;) {
    store::Purged purged;
    auto done = change([&](Kv::Batch& batch) -> Result<store::Change> {
      auto composed = store::purge(store_, batch, now - older, kPurgedAtOnce, limits, next);
      if (!composed) return std::unexpected(composed.error());
      purged = std::move(*composed);
      return store::Change(&store_.registry());
    });
    if (!done) return std::unexpected(std::move(done.error()));
    for (const auto& name : purged.unused_blobs) {
      if (auto gone = blob_.remove(name); !gone) return std::unexpected(std::move(gone.error()));
    }
    messages += purged.messages;
    kept += purged.kept;
    next = std::move(purged.next);
    more = purged.more;
  }
  row({{"purged", messages}, {"kept", kept}});
  return code;
}

// ---- Rules that remove by themselves

Result<int> MailboxAdministration::expire(const json& request, const Row& row) {
  const auto wanted = text_of(request, "mailbox");
  auto mailboxes = store_.list_mailboxes();
  if (!mailboxes) return std::unexpected(mailboxes.error());
  std::erase_if(*mailboxes, [&](const store::Store::Mailbox& one) {
    return !wanted.empty() && one.name != wanted && store::account_of(one.name) != wanted;
  });
  if (mailboxes->empty() && !wanted.empty())
    return fail(Fault::not_found, "there is no mailbox '" + wanted + "'");
  // How far it is, by UIDs: how many messages there are is not known before they are read.
  std::uint64_t all = 0;
  std::uint64_t before = 0;
  for (const auto& mailbox : *mailboxes) all += mailbox.next_uid;
  const auto told = progress_rows(row);
  int code = EX_OK;
  for (const auto& mailbox : *mailboxes) {
    const auto progress = [&](store::Uid position) {
      told(before + std::min(position, mailbox.next_uid), all);
    };
    const auto done = mailbox.selectable ? expire_mailbox(request, mailbox.name, row, progress) : EX_OK;
    before += mailbox.next_uid;
    if (!done && done.error().fault == Fault::not_found) continue;  // removed meanwhile
    if (!done) return done;
    if (*done != EX_OK) code = *done;
  }
  return code;
}

Result<int> MailboxAdministration::expire_mailbox(const json& request, const std::string& mailbox,
                                                  const Row& row,
                                                  const std::function<void(store::Uid)>& progress) {
  const bool explain = request.value("explain", false);
  const bool dry_run = request.value("dry_run", false);
  KeyTrail trail;
  const auto rule = rules_.of(mailbox, &trail);
  if (!rule) {
    row({{"mailbox", mailbox}, {"error", rule.error().text}});
    return EX_CONFIG;
  }
  if (!rule->removal_source && !rule->retain_source && !explain && mailbox != text_of(request, "mailbox"))
    return EX_OK;

  const auto now = clock_.now();
  bool listens = true;
  const auto told = [&](const store::Store::Item& item, const policy::RetentionFacts& facts,
                        const policy::Removal* by) {
    const auto& message = item.message;
    json one{{"mailbox", mailbox},
             {"uid", item.uid},
             {"received", seconds(message.received)},
             {"expires", by != nullptr},
             {"why", by != nullptr ? by->text : policy::why_kept(rule->removals, facts, now)}};
    if (message.restored != Time{}) one["restored"] = seconds(message.restored);
    listens = listens && row(one);
  };
  ExpiryPass pass({store_, commits_, blob_}, mailbox, rule->removals, rules_.keeps_removed(*rule), now,
                  dry_run ? ExpiryPass::Mode::tell : ExpiryPass::Mode::remove,
                  explain ? ExpiryPass::Told(told) : ExpiryPass::Told());
  for (bool more = !rule->removals.empty() || explain; more && (listens || !dry_run);) {
    const auto step = pass.step();
    if (!step) return std::unexpected(step.error());
    more = *step;
    progress(pass.position());
  }

  const auto& tally = pass.tally();
  json one{{"mailbox", mailbox},       {"dry_run", dry_run},     {"messages", tally.messages},
           {"expired", tally.expired}, {"octets", tally.octets}, {"damaged", tally.damaged},
           {"keys", json::array()},    {"hold", rule->hold},     {"retain", rule->retain.count()}};
  std::istringstream keys{std::string(trail.joined())};
  for (std::string key; std::getline(keys, key, '\0');) one["keys"].push_back(key);
  const auto source = [&](const char* what, const std::optional<policy::Retention::Source>& from) {
    if (from) one[what] = {{"value", from->value}, {"key", from->key}, {"place", rules_.maps->place(*from)}};
  };
  source("rule", rule->removal_source);
  source("retain_rule", rule->retain_source);
  if (tally.next_due) one["next_due"] = seconds(*tally.next_due);
  if (!tally.warnings.empty()) one["warnings"] = tally.warnings;
  row(one);
  return EX_OK;
}

}  // namespace hikyaku::serve
