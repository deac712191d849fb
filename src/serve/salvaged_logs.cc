#include "serve/salvaged_logs.h"

#include <set>

#include "base/varint.h"
#include "io/mapped_file.h"
#include "record/message_record.h"

namespace hikyaku::serve {
namespace {

// In the rows, beside the spaces of the database: of damaged records.
constexpr unsigned kDoubtfulMessage = store::kSpaces, kDoubtfulBody = store::kSpaces + 1;

/// A row of a log as one of a space; nullopt: it is the engine's own, which we do not use.
std::optional<unsigned> space_of(const io::BatchRow& row) {
  return row.family == 0 ? std::nullopt : std::optional(row.family - 1);
}

/// The mailbox of a row of kDelivery, or of usage, and whose the row says that it is.
struct Owned {
  std::uint32_t mailbox;
  std::string account;
};
std::optional<Owned> owner_by_usage(std::string_view key) {
  const auto account = take_text(key);
  if (!account || !key.starts_with('u')) return std::nullopt;
  key.remove_prefix(1);
  const auto place = store::usage_place_of(key);
  if (!place || place->mailbox == 0) return std::nullopt;
  return Owned{place->mailbox, std::string(*account)};
}

}  // namespace

Result<SalvagedLogs> SalvagedLogs::make(const std::filesystem::path& scratch) {
  auto rows = io::LogRows::make(scratch);
  if (!rows) return std::unexpected(std::move(rows.error()));
  return SalvagedLogs(std::move(*rows));
}

Result<std::vector<SalvagedLogs::Log>> SalvagedLogs::read(const std::vector<std::filesystem::path>& files,
                                                          const io::Progress& progress) {
  std::uint64_t all = 0, done = 0;
  for (const auto& path : files) {
    const auto file = io::MappedFile::open(path);
    if (!file) return std::unexpected(file.error());
    all += file->contents().size();
  }
  std::vector<Log> logs;
  for (const auto& path : files) {
    const auto file = io::MappedFile::open(path);
    if (!file) return std::unexpected(file.error());
    Log log;
    log.file = path;
    io::walk_log(file->contents(), {.batch =
                                        [&](const io::LogBatch& batch) {
                                          ++log.records;
                                          auto sequence = batch.sequence;
                                          // What a newer program writes is told by of_mailboxes alone.
                                          (void)io::read_rows(batch.contents, [&](const io::BatchRow& row) {
                                            take(row, sequence++, log);
                                          });
                                        },
                                    .damage =
                                        [&](const io::LogDamage& damage) {
                                          ++log.damages;
                                          take_damage(damage, path);
                                        }});
    logs.push_back(std::move(log));
    if (auto kept = rows_.end(); !kept) return std::unexpected(kept.error());
    done += file->contents().size();
    if (progress) progress(done, all);
  }
  return logs;
}

const SalvagedLogs::Mailbox& SalvagedLogs::mailbox(std::uint32_t number) const {
  static const Mailbox kNothing;
  const auto at = mailboxes_.find(number);
  return at == mailboxes_.end() ? kNothing : at->second;
}

Result<std::vector<std::string>> SalvagedLogs::deliveries(std::string_view message_key) const {
  std::vector<std::string> keys;
  auto rows = rows_.of(store::kDelivery, message_key);
  while (const auto row = rows.next()) keys.emplace_back(row->key.substr(message_key.size()));
  if (auto end = rows.end(); !end) return std::unexpected(end.error());
  return keys;
}

void SalvagedLogs::take(const io::BatchRow& row, std::uint64_t sequence, Log& log) {
  const auto space = space_of(row);
  if (!space) return;
  switch (*space) {
    case store::kMailbox:
      log.of_mailboxes = take_mailbox(row, sequence) || log.of_mailboxes;
      break;
    case store::kMessage:
      if (!store::place_of(row.key)) break;
      rows_.add_unless_newer(store::kMessage, row.key, row.value, sequence);
      ++message_rows_;
      log.of_mailboxes = log.of_mailboxes || (row.value && record::decode_message_record(*row.value));
      break;
    case store::kBody:
      // A body that is removed was one that no message has any more, or will have.
      rows_.add_unless_newer(store::kBody, row.key, row.value, sequence);
      break;
    case store::kDelivery:
      take_delivery(row, sequence);
      break;
    case store::kRemoved:
      take_removed_mailbox(row, sequence);
      break;
    case store::kAccount:
      log.of_mailboxes = take_account(row) || log.of_mailboxes;
      break;
    default:
      break;
  }
}

/// By the message: what is asked is under which delivery one came.
void SalvagedLogs::take_delivery(const io::BatchRow& row, std::uint64_t sequence) {
  if (!row.value) return;
  // In a log the time of writing stands behind it.
  const auto message = row.value->substr(0, store::message_key(0, 0).size());
  if (!store::place_of(message)) return;
  rows_.add_unless_newer(store::kDelivery, std::string(message).append(row.key), std::string_view(),
                         sequence);
}

bool SalvagedLogs::take_mailbox(const io::BatchRow& row, std::uint64_t sequence) {
  if (!row.value) return false;
  const auto record = record::decode_mailbox_record(*row.value);
  if (!record) return false;
  auto& known = mailboxes_[record->id];
  if (sequence < known.sequence) return true;
  known.name = row.key;
  known.uid_validity = record->uid_validity;
  known.removed = false;
  known.sequence = sequence;
  return true;
}

/// Each change of a mailbox adds to the usage of its account: so nearly all logs that have mail for a mailbox
/// tell whose it is, though few have its name.
bool SalvagedLogs::take_account(const io::BatchRow& row) {
  auto owner = owner_by_usage(row.key);
  if (!owner) return false;
  mailboxes_[owner->mailbox].account = std::move(owner->account);
  return true;
}

/// What has a whole row of usage tells whose a mailbox is: its number alone may be wrong.
void SalvagedLogs::take_damage(const io::LogDamage& damage, const std::filesystem::path& file) {
  std::map<std::uint32_t, std::string> owners;
  std::set<std::string, std::less<>> messages;
  // It ends where it can't be read on.
  (void)io::read_rows(damage.remains, [&](const io::BatchRow& row) {
    if (space_of(row) == store::kAccount) {
      if (auto owner = owner_by_usage(row.key)) owners[owner->mailbox] = std::move(owner->account);
    }
    if (space_of(row) == store::kMessage && row.value) messages.emplace(row.key);
  });
  const auto where =
      file.filename().string() + ", offset " + std::to_string(damage.offset) + ": " + damage.reason;
  const auto keep = [&](std::string_view key, std::string_view stored) {
    const auto place = store::place_of(key);
    if (!place) return;
    const auto owner = owners.find(place->mailbox);
    std::string row;
    put_text(row, owner == owners.end() ? std::string_view() : std::string_view(owner->second));
    put_text(row, where);
    rows_.add(kDoubtfulMessage, key, row.append(stored), 0);
    ++message_rows_;
  };
  (void)io::read_rows(damage.remains, [&](const io::BatchRow& row) {
    if (!row.value) return;
    if (space_of(row) == store::kMessage) keep(row.key, *row.value);
    if (space_of(row) != store::kBody) return;
    rows_.add(kDoubtfulBody, row.key, *row.value, 0);
    if (!messages.contains(row.key)) keep(row.key, {});
  });
}

std::optional<SalvagedLogs::Doubtful> SalvagedLogs::DoubtfulMessages::next() {
  const auto row = rows_.next();
  if (!row || !row->value) return std::nullopt;
  auto rest = *row->value;
  const auto account = take_text(rest).value_or(std::string_view());
  const auto where = take_text(rest).value_or(std::string_view());
  return Doubtful{std::string(row->key), std::string(account), std::string(where), std::string(rest)};
}

SalvagedLogs::DoubtfulMessages SalvagedLogs::doubtful_messages() const {
  return DoubtfulMessages(rows_.of(kDoubtfulMessage));
}

Result<std::optional<std::string>> SalvagedLogs::doubtful_body(std::string_view key) const {
  return rows_.get(kDoubtfulBody, key);
}

Result<bool> SalvagedLogs::speaks_of(std::string_view message_key) const {
  auto rows = rows_.of(store::kMessage, message_key);
  const bool speaks = rows.next().has_value();
  if (auto end = rows.end(); !end) return std::unexpected(end.error());
  return speaks;
}

void SalvagedLogs::take_removed_mailbox(const io::BatchRow& row, std::uint64_t sequence) {
  if (!row.value || !row.key.starts_with(store::kRemovedMailboxes)) return;
  auto rest = row.key.substr(store::kRemovedMailboxes.size());
  const auto number = store::take_big_endian<std::uint32_t>(rest);
  if (!number || !rest.empty()) return;
  auto& known = mailboxes_[*number];
  if (sequence < known.sequence) return;
  known.removed = true;
  known.sequence = sequence;
}

}  // namespace hikyaku::serve
