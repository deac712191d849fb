#include "serve/administration.h"

#include <sysexits.h>
#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/base64.h"
#include "base/explanation.h"
#include "io/system_random.h"
#include "mail/header.h"
#include "serve/account_mover.h"
#include "serve/backups.h"
#include "serve/compaction.h"
#include "serve/log_salvage.h"
#include "serve/mailbox_databases.h"
#include "serve/mailbox_requests.h"
#include "serve/outbound.h"
#include "serve/progress_rows.h"
#include "store/registry.h"

namespace hikyaku::serve {
namespace {

using nlohmann::json;

constexpr std::size_t kListPiece = 500;

std::int64_t seconds(Time time) {
  return std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
}

/// JSON has no octets: what is not UTF-8 becomes U+FFFD when it is written.
std::string queue_name(const record::QueueEntry& entry) {
  if (entry.hold) return "hold";
  return entry.attempts == 0 ? "incoming" : "deferred";
}

json row_of(const record::QueueEntry& entry) {
  json recipients = json::array();
  for (const auto& recipient : entry.recipients) {
    if (recipient.state != record::RecipientState::pending) continue;
    json one{{"address", recipient.address.text()}};
    if (recipient.original != recipient.address) one["orig_to"] = recipient.original.text();
    if (!recipient.reply.empty()) {
      one["delay_reason"] = recipient.reply;
      one["status"] = recipient.status;
    }
    recipients.push_back(std::move(one));
  }
  return {{"queue_name", queue_name(entry)},
          {"queue_id", entry.id.text()},
          {"arrival_time", seconds(entry.arrival)},
          {"message_size", entry.size},
          {"forced_expire", false},
          {"sender", entry.sender.null() ? "MAILER-DAEMON" : entry.sender.text()},
          {"recipients", std::move(recipients)},
          {"attempts", entry.attempts},
          {"next_attempt", seconds(entry.next_attempt)},
          {"hold_reason", entry.hold_reason}};
}

json client_json(const record::Client& client) {
  return {{"address", client.address},   {"name", client.name},           {"helo", client.helo},
          {"protocol", client.protocol}, {"sasl_user", client.sasl_user}, {"tls", client.tls_version}};
}

}  // namespace

Result<std::vector<record::QueueId>> Administration::wanted(const json& request) const {
  std::vector<record::QueueId> ids;
  if (request.value("all", false)) {
    std::optional<record::QueueId> after;
    do {
      auto listing = queue_.list(after, kListPiece);
      if (!listing) return std::unexpected(std::move(listing.error()));
      for (const auto& entry : listing->entries) ids.push_back(entry.id);
      after = listing->continue_after;
    } while (after);
    return ids;
  }
  for (const auto& text : request.value("ids", std::vector<std::string>{})) {
    auto id = record::QueueId::parse(text);
    if (!id) return std::unexpected(std::move(id.error()));
    ids.push_back(*id);
  }
  return ids;
}

Result<int> Administration::answer(const json& request, const Row& row, const RequestBody& body) {
  const auto command = request.value("command", std::string{});
  if (command.starts_with("store.") && mailboxes_ != nullptr) return store_request(request, row, body);
  if (command.starts_with("mailbox.") && mailboxes_ != nullptr)
    return answer_mailbox_request(*mailboxes_, clock_, rules_(), request, row);
  if (command == "queue.list") return list(request, row);
  if (command == "arrivals") return arrivals(request.value("last", std::size_t{0}), row);
  if (command == "queue.show" || command == "why") {
    const auto ids = wanted(request);
    if (!ids) return std::unexpected(ids.error());
    int worst = EX_OK;
    for (const auto id : *ids) {
      auto result = command == "why" ? why(id, row) : show(id, row);
      if (!result) return result;
      worst = std::max(worst, *result);
    }
    return worst;
  }
  if (command == "queue.hold" || command == "queue.release" || command == "queue.retry" ||
      command == "queue.bounce" || command == "queue.delete") {
    return change(command, request, row);
  }
  return fail(Fault::malformed, "there is no request '" + command + "'");
}

Result<int> Administration::store_request(const json& request, const Row& row, const RequestBody& body) {
  const auto command = request.value("command", std::string());
  const auto database = request.value("database", std::string(record::MailboxCatalogue::kDefault));
  if (command == "store.import" && body) return import(request, row, body);
  if (command == "store.backup") return back_up(request, row);
  if (command == "store.compact") return compact(database, row);
  if (command == "store.salvage") return salvage(request, database, row);
  if (command == "store.mount") return mount(command, database, row);
  if (command == "store.create") return create(database, request.value("directory", std::string()), row);
  if (command == "store.move") return move(request, row);
  if (command == "store.dismount") {
    if (auto done = mailboxes_->dismount(database); !done) return std::unexpected(std::move(done.error()));
    row({{"database", database}, {"mounted", false}});
    return EX_OK;
  }
  return fail(Fault::malformed, "there is no request '" + command + "'");
}

/// What waited for the mailboxes is due now. Not all of the queue: other destinations stay as they are. The
/// ledger says which request did it.
Result<void> Administration::retry_waiting_for_mailboxes(const std::string& command) {
  std::optional<record::QueueId> after;
  do {
    const auto listing = queue_.list(after, kListPiece);
    if (!listing) return std::unexpected(listing.error());
    for (const auto& entry : listing->entries) {
      const auto waits = [](const record::Recipient& one) {
        return one.state == record::RecipientState::pending &&
               (one.reply.find(MailboxMount::kNotMounted) != std::string::npos ||
                one.reply.find(store::Registry::kMoved) != std::string::npos);
      };
      if (entry.hold || std::ranges::none_of(entry.recipients, waits)) continue;
      if (const auto changed = change_one(command, entry.id); !changed)
        return std::unexpected(changed.error());
    }
    after = listing->continue_after;
  } while (after);
  if (outbound_ != nullptr) outbound_->flush();
  return {};
}

Result<int> Administration::back_up(const nlohmann::json& request, const Row& row) {
  const auto database =
      mailboxes_->use(request.value("database", std::string(record::MailboxCatalogue::kDefault)));
  if (!database) return std::unexpected(database.error());
  const auto made = serve::back_up(*(*database)->kv, *(*database)->blob, request["folder"].get<std::string>(),
                                   request.value("full", false), clock_.now(), progress_rows(row));
  if (!made) return std::unexpected(made.error());
  row(backup_row(*made));
  return EX_OK;
}

Result<int> Administration::import(const json& request, const Row& row, const RequestBody& body) {
  io::SystemRandom random;
  MailboxImport::Options options;
  if (request.value("skip_duplicates", false)) options.duplicates = MailboxImport::Duplicates::skip;
  MailboxImport import([this](std::string_view account) { return mailboxes_->use_for(account); }, clock_,
                       random, options);
  return receive_import(import, body, row);
}

Result<int> Administration::compact(const std::string& name, const Row& row) {
  const auto database = mailboxes_->use(name);
  if (!database) return std::unexpected(database.error());
  const auto made = serve::compact(*(*database)->kv, progress_rows(row));
  if (!made) return std::unexpected(made.error());
  row(compacted_row(*made));
  return EX_OK;
}

Result<int> Administration::salvage(const json& request, const std::string& name, const Row& row) {
  const auto database = mailboxes_->use(name);
  if (!database) return std::unexpected(database.error());
  io::SystemRandom random;
  SalvageWish wish;
  for (const auto& path : request.value("from", std::vector<std::string>())) wish.from.emplace_back(path);
  wish.dry_run = request.value("dry_run", false);
  // Who asked may go: the work is wanted all the same.
  const auto tell = [&row](const json& one) { (void)row(one); };
  const auto made = salvage_logs(**database, wish, clock_, random, tell, progress_rows(row));
  if (!made) return std::unexpected(made.error());
  row(salvaged_row(*made, wish.dry_run));
  return EX_OK;
}

Result<int> Administration::mount(const std::string& command, const std::string& database, const Row& row) {
  MailboxMount::Notes notes;
  if (auto mounted = mailboxes_->mount(database, notes); !mounted)
    return std::unexpected(std::move(mounted.error()));
  if (auto retried = retry_waiting_for_mailboxes(command); !retried)
    return std::unexpected(std::move(retried.error()));
  row({{"database", database}, {"mounted", true}, {"notes", notes}});
  return EX_OK;
}

Result<int> Administration::create(const std::string& database, const std::string& directory,
                                   const Row& row) {
  MailboxMount::Notes notes;
  if (auto made = mailboxes_->create(database, directory, notes); !made)
    return std::unexpected(std::move(made.error()));
  row({{"database", database}, {"created", true}, {"notes", notes}});
  return EX_OK;
}

/// Mail that waited meanwhile is due when it is done, whatever came of it.
Result<int> Administration::move(const json& request, const Row& row) {
  auto moved = AccountMover(*mailboxes_, *sessions_, clock_).answer(request, row);
  auto retried = retry_waiting_for_mailboxes(request.value("command", std::string()));
  if (moved && !retried) return std::unexpected(std::move(retried.error()));
  return moved;
}

/// Records as they are stored, in base64: JSON has no octets, and header lines are.
Result<int> Administration::arrivals(std::size_t last, const Row& row) {
  auto kept = queue_.last_arrivals(clock_.now(), last);
  if (!kept) return std::unexpected(std::move(kept.error()));
  for (const auto& one : *kept) {
    json answer{{"queue_id", one.id.text()}};
    if (one.arrival) {
      answer["record"] = base64_encode(encode(*one.arrival));
    } else {
      answer["error"] = one.arrival.error().text;
    }
    if (!row(answer)) break;
  }
  return EX_OK;
}

Result<int> Administration::list(const json& request, const Row& row) {
  const auto limit = request.value("limit", std::size_t{0});
  std::size_t given = 0;
  std::optional<record::QueueId> after;
  do {
    auto listing = queue_.list(after, kListPiece);
    if (!listing) return std::unexpected(std::move(listing.error()));
    for (const auto& entry : listing->entries) {
      auto one = row_of(entry);
      if (outbound_ != nullptr && outbound_->is_active(entry.id)) one["queue_name"] = "active";
      if (!row(one) || (limit != 0 && ++given == limit)) return EX_OK;
    }
    for (const auto& damaged : listing->damaged) {
      if (!row({{"queue_name", "corrupt"}, {"queue_id", damaged.id.text()}, {"error", damaged.error.text}}))
        return EX_OK;
    }
    after = listing->continue_after;
  } while (after);
  return EX_OK;
}

Result<json> Administration::ledger(record::QueueId id) {
  auto pieces = queue_.ledger(id);
  if (!pieces) return std::unexpected(std::move(pieces.error()));
  json entries = json::array();
  for (const auto& piece : *pieces) {
    auto names = queue_.sources(piece.sources);
    auto decoded = Explanation::decode(piece.explanation);
    if (!decoded) return std::unexpected(std::move(decoded.error()));
    for (auto& entry : *decoded) {
      const bool named = names && entry.origin.file < names->size() && !entry.origin.built_in();
      entries.push_back({{"time", iso_text(piece.at)},
                         {"step", entry.step},
                         {"rule", entry.rule},
                         {"file", named ? (*names)[entry.origin.file] : std::string("default")},
                         {"line", entry.origin.line},
                         {"keys", entry.keys},
                         {"failed", entry.failed},
                         {"operand", entry.operand},
                         {"outcome", entry.outcome}});
    }
  }
  return entries;
}

Result<int> Administration::why(record::QueueId id, const Row& row) {
  auto entries = ledger(id);
  if (!entries) return std::unexpected(std::move(entries.error()));
  if (entries->empty()) return 1;
  row({{"queue_id", id.text()}, {"entries", std::move(*entries)}});
  return EX_OK;
}

Result<int> Administration::show(record::QueueId id, const Row& row) {
  auto entry = queue_.load(id);
  if (!entry) {
    if (entry.error().fault == Fault::not_found) return 1;
    return std::unexpected(std::move(entry.error()));
  }
  auto shown = row_of(*entry);
  shown["client"] = client_json(entry->client);
  auto header = queue_.read_body(*entry, 0, static_cast<std::size_t>(entry->header_size));
  if (!header) return std::unexpected(std::move(header.error()));
  shown["header"] = std::move(*header);
  auto entries = ledger(id);
  if (!entries) return std::unexpected(std::move(entries.error()));
  shown["entries"] = std::move(*entries);
  row(shown);
  return EX_OK;
}

Result<int> Administration::change(const std::string& command, const json& request, const Row& row) {
  const auto ids = wanted(request);
  if (!ids) return std::unexpected(ids.error());
  int worst = EX_OK;
  for (const auto id : *ids) {
    const auto changed = change_one(command, id);
    if (!changed) return std::unexpected(changed.error());
    if (!*changed) worst = 1;
    if (!row({{"queue_id", id.text()}, {"changed", *changed}})) return worst;
  }
  if (outbound_ != nullptr && (command == "queue.retry" || command == "queue.bounce")) outbound_->flush();
  return worst;
}

Result<bool> Administration::change_one(const std::string& command, record::QueueId id) {
  if (outbound_ != nullptr) {
    if (command == "queue.delete" && outbound_->ask_removal(id)) return true;
    if (command == "queue.hold" && outbound_->ask_hold(id)) return true;
    if (outbound_->is_active(id)) return command == "queue.retry";  // it is being tried right now
  }
  auto stored = queue_.load(id);
  if (!stored) {
    if (stored.error().fault == Fault::not_found) return false;
    return std::unexpected(std::move(stored.error()));
  }
  const auto now = clock_.now();
  auto entry = *stored;
  Explanation ledger;
  ledger.add({.step = "administrator",
              .rule = command,
              .origin = {},
              .keys = {},
              .failed = {},
              .operand = {},
              .outcome = "done by hand"});
  Kv::Batch batch;
  queue::Queue::Change change;
  if (command == "queue.delete") {
    change = queue_.finish(batch, *stored, now, ledger.bytes(), queue::Queue::Guard::unchanged);
  } else {
    entry.hold =
        command == "queue.hold" || (entry.hold && command != "queue.release" && command != "queue.bounce");
    entry.hold_reason = entry.hold ? "held by the administrator" : "";
    if (command != "queue.hold") entry.next_attempt = now;
    if (command == "queue.bounce") {
      for (auto& recipient : entry.recipients) {
        if (recipient.state != record::RecipientState::pending) continue;
        recipient.state = record::RecipientState::bounced;
        recipient.status = "5.4.7";
        recipient.reply =
            "returned by the administrator" + (recipient.reply.empty() ? "" : ": " + recipient.reply);
      }
    }
    change = queue_.update(batch, *stored, entry, now, ledger.bytes(), queue::Queue::Guard::unchanged);
  }
  auto committed = commits_.commit(std::move(batch));
  if (!committed) {
    if (committed.error().fault == Fault::not_found) return false;  // it was delivered meanwhile
    return std::unexpected(std::move(committed.error()));
  }
  queue_.committed(change);
  if (!change.unused_blob.empty()) {
    if (auto removed = blob_.remove(change.unused_blob); !removed)
      return std::unexpected(std::move(removed.error()));
  }
  return true;
}

}  // namespace hikyaku::serve
