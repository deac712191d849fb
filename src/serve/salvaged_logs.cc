#include "serve/salvaged_logs.h"

#include <algorithm>

#include "base/varint.h"
#include "io/mapped_file.h"
#include "record/message_record.h"

namespace hikyaku::serve {

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
                                    .damage = [&](const io::LogDamage&) { ++log.damages; }});
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
  if (row.family == 0) return;  // the engine's own, which we do not use
  switch (row.family - 1) {
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
  auto rest = row.key;
  const auto account = take_text(rest);
  if (!account || !rest.starts_with('u')) return false;
  rest.remove_prefix(1);
  const auto place = store::usage_place_of(rest);
  if (!place || place->mailbox == 0) return false;
  mailboxes_[place->mailbox].account = *account;
  return true;
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
