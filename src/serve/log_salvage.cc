#include "serve/log_salvage.h"

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/escape.h"
#include "io/log_files.h"
#include "mail/header.h"
#include "serve/mailbox_import.h"
#include "serve/salvage_targets.h"
#include "serve/salvaged_logs.h"
#include "store/bodies.h"
#include "store/export.h"

namespace hikyaku::serve {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using record::MessageRecord;

constexpr std::size_t kLongestHeader = std::size_t{256} << 10;
constexpr std::size_t kPiece = std::size_t{128} << 10;
constexpr std::uint64_t kMostTold = 1000;  // messages that are left out

/// What the logs are, and where bodies that were set aside beside them would be.
struct Sources {
  std::vector<fs::path> logs, blobs;
};

Result<void> add_logs(const fs::path& folder, Sources& sources) {
  const auto logs = io::log_files(folder);
  if (!logs) return std::unexpected(logs.error());
  for (const auto& [number, file] : *logs) sources.logs.push_back(file);
  return {};
}

/// Bodies that were files, and had no message any more, are set aside in quarantine, whatever log has these.
Result<Sources> find_sources(const fs::path& database, const std::vector<fs::path>& from) {
  Sources sources;
  const auto quarantine = database / "quarantine";
  std::vector<fs::path> folders;
  std::error_code error, unknown;
  for (fs::directory_iterator one(quarantine, error), end; !error && one != end; one.increment(error)) {
    if (one->is_directory(unknown)) folders.push_back(one->path());
  }
  if (error && error != std::errc::no_such_file_or_directory)
    return fail(Fault::permanent, "list " + quarantine.string() + ": " + error.message());
  std::ranges::sort(folders);
  for (const auto& folder : folders) {
    if (fs::is_directory(folder / "blobs", unknown)) sources.blobs.push_back(folder / "blobs");
  }
  for (const auto& path : from.empty() ? folders : from) {
    if (!fs::is_directory(path, unknown)) {
      sources.logs.push_back(path);
    } else if (auto added = add_logs(path, sources); !added) {
      return std::unexpected(added.error());
    }
  }
  if (sources.logs.empty()) {
    return fail(Fault::not_found, "there is no log (as 000123.log) in " +
                                      (from.empty() ? quarantine : from.front()).string() +
                                      ": name one that was found elsewhere, or its folder");
  }
  return sources;
}

/// A failed precondition of a commit, which is told as what it means here.
Result<void> meanwhile(Result<void> done) {
  if (done || done.error().fault != Fault::not_found) return done;
  return fail(Fault::temporary,
              "a message that was to be added was delivered or salvaged meanwhile, or its "
              "mailbox was removed: run it again");
}

class LogSalvage {
 public:
  LogSalvage(StoreDatabase& database, SalvagedLogs& logs, bool dry_run, const Clock& clock, Random& random,
             const std::function<void(const json&)>& row)
      : database_(database),
        kv_(*database.kv),
        logs_(logs),
        dry_run_(dry_run),
        clock_(clock),
        row_(row),
        import_(
            [&database](std::string_view) -> Result<std::shared_ptr<StoreDatabase>> {
              return std::shared_ptr<StoreDatabase>(std::shared_ptr<void>(), &database);
            },
            clock, random, {.line_ends = MailboxImport::LineEnds::kept}) {}

  Result<void> open(const std::vector<fs::path>& blobs);
  Result<void> run(const io::Progress& progress);
  SalvageCounts& counts() { return counts_; }

 private:
  struct Body {
    std::string octets;          // when there is no blob
    const Blob* blob = nullptr;  // else where it is, whole
  };
  Result<void> begin_mailbox(std::uint32_t number, const std::string& account = {});
  Result<void> end_mailbox();
  Result<void> message(const std::string& key, std::string_view stored);
  Result<bool> has_already(const std::string& key, const MessageRecord& message,
                           const std::vector<std::string>& deliveries);
  Result<bool> has_body(const MessageRecord& message) const;
  static Result<std::string> header_of(const MessageRecord& message, const Body& body);
  static Result<void> each_piece(const MessageRecord& message, const Body& body, const store::Sink& take);
  Result<void> put_body_back(const MessageRecord& message);
  Result<std::optional<Body>> body_of(const MessageRecord& message) const;
  Result<void> add(const std::string& key, MessageRecord message, std::vector<std::string> deliveries,
                   const Body& body);
  Result<void> run_doubtful();
  Result<void> doubtful(const SalvagedLogs::Doubtful& one);
  Result<bool> is_settled(const SalvagedLogs::Doubtful& one);
  Result<std::optional<Body>> doubtful_body(const std::string& key, const MessageRecord* message) const;
  using KnownBy = std::vector<std::pair<Kv::Space, std::string>>;
  Result<void> put(const std::string& key, MessageRecord message, KnownBy known_by, const Body& body,
                   std::uint64_t& count);
  void leave_out(store::Uid uid, const std::string& reason);

  StoreDatabase& database_;
  Kv& kv_;
  SalvagedLogs& logs_;
  const bool dry_run_;
  const Clock& clock_;
  const std::function<void(const json&)>& row_;
  MailboxImport import_;
  std::vector<std::unique_ptr<io::FileBlob>> aside_;
  std::optional<SalvageTargets> targets_;  // after open()
  SalvageCounts counts_;
  std::optional<std::uint32_t> number_;  // of the mailbox that is being done
  SalvageTarget target_;
  SalvageCounts before_;  // what was counted before it
  bool opened_ = false;   // for adding
  std::string refused_;   // why it can't be
};

Result<void> LogSalvage::open(const std::vector<fs::path>& blobs) {
  for (const auto& folder : blobs) {
    auto blob = io::FileBlob::open_read_only(folder);
    if (!blob) return std::unexpected(std::move(blob.error()));
    aside_.push_back(std::move(*blob));
  }
  auto targets = SalvageTargets::read(database_, logs_);
  if (!targets) return std::unexpected(std::move(targets.error()));
  targets_.emplace(std::move(*targets));
  return {};
}

/// `account`: whose the mailbox is, as far as a damaged record can tell.
Result<void> LogSalvage::begin_mailbox(std::uint32_t number, const std::string& account) {
  if (auto ended = end_mailbox(); !ended) return ended;
  auto target = targets_->of(number, account);
  if (!target) return std::unexpected(std::move(target.error()));
  target_ = std::move(*target);
  number_ = number;
  before_ = counts_;
  opened_ = false;
  refused_.clear();
  return {};
}

Result<void> LogSalvage::end_mailbox() {
  if (!number_) return {};
  if (auto committed = meanwhile(import_.commit()); !committed) return committed;
  const auto& now = counts_;
  json row{{"mailbox", escaped(target_.mailbox.empty() ? "mailbox number " + std::to_string(*number_)
                                                       : target_.mailbox)},
           {"added", now.added - before_.added},
           {"bodies", now.bodies - before_.bodies},
           {"had", now.had - before_.had},
           {"removed", now.removed - before_.removed},
           {"doubtful", now.doubtful - before_.doubtful},
           {"left_out", now.left_out - before_.left_out}};
  row_(row);
  number_.reset();
  return {};
}

void LogSalvage::leave_out(store::Uid uid, const std::string& reason) {
  if (++counts_.left_out > kMostTold) return;
  const auto name = target_.mailbox.empty() ? "mailbox number " + std::to_string(*number_) : target_.mailbox;
  row_({{"not_added", escaped(name)}, {"uid", uid}, {"reason", escaped(reason)}});
}

Result<void> LogSalvage::run(const io::Progress& progress) {
  auto rows = logs_.messages();
  std::uint64_t done = 0;
  while (const auto row = rows.next()) {
    if (progress && ++done % 1000 == 0) progress(done, std::max(done, logs_.message_rows()));
    const auto place = store::place_of(row->key);
    if (!place || !row->value) continue;
    if (number_ != place->mailbox) {
      if (auto begun = begin_mailbox(place->mailbox); !begun) return begun;
    }
    if (auto taken = message(std::string(row->key), *row->value); !taken) return taken;
  }
  if (auto end = rows.end(); !end) return end;
  if (auto ended = end_mailbox(); !ended) return ended;
  return run_doubtful();
}

Result<void> LogSalvage::message(const std::string& key, std::string_view stored) {
  const auto uid = store::uid_of(key).value_or(0);
  if (target_.removed || target_.vanished.contains(uid)) {
    ++counts_.removed;
    return {};
  }
  auto message = record::decode_message_record(stored);
  if (!message) {
    leave_out(uid, message.error().text);
    return {};
  }
  auto deliveries = logs_.deliveries(key);
  if (!deliveries) return std::unexpected(std::move(deliveries.error()));
  const auto has = has_already(key, *message, *deliveries);
  if (!has) return std::unexpected(has.error());
  if (*has) return {};
  if (target_.mailbox.empty()) {
    leave_out(uid, target_.why);
    return {};
  }
  const auto body = body_of(*message);
  if (!body) return std::unexpected(body.error());
  if (!*body) {
    leave_out(uid, "its body is not in these logs");
    return {};
  }
  return add(key, std::move(*message), std::move(*deliveries), **body);
}

/// Counts it when it has.
Result<bool> LogSalvage::has_already(const std::string& key, const MessageRecord& message,
                                     const std::vector<std::string>& deliveries) {
  const auto counted = [](std::uint64_t& count) {
    ++count;
    return true;
  };
  const auto salvaged = kv_.get(store::kMeta, store::salvaged_key(key, message.received));
  if (!salvaged) return std::unexpected(salvaged.error());
  if (*salvaged) return counted(counts_.had);
  if (target_.same) {
    const auto stored = kv_.get(store::kMessage, key);
    if (!stored) return std::unexpected(stored.error());
    const auto there = *stored ? record::decode_message_record(**stored) : Result<MessageRecord>{};
    if (*stored && there && there->body_key == message.body_key && there->received == message.received &&
        there->body_size == message.body_size && there->blob == message.blob) {
      const auto whole = has_body(*there);
      if (!whole) return std::unexpected(whole.error());
      if (*whole) return counted(counts_.had);
      if (auto put = put_body_back(*there); !put) return std::unexpected(put.error());
      return true;
    }
    const auto removed =
        kv_.get(store::kRemoved, store::removed_key(*number_, store::uid_of(key).value_or(0)));
    if (!removed) return std::unexpected(removed.error());
    if (*removed) return counted(counts_.removed);
  }
  const auto known = kv_.multi_get(store::kDelivery, deliveries);
  if (!known) return std::unexpected(known.error());
  if (std::ranges::any_of(*known, [](const auto& value) { return value.has_value(); }))
    return counted(counts_.had);
  return false;
}

Result<std::string> LogSalvage::header_of(const MessageRecord& message, const Body& body) {
  const auto octets = static_cast<std::size_t>(std::min<std::uint64_t>(message.header_size, kLongestHeader));
  if (body.blob == nullptr) return body.octets.substr(0, octets);
  return body.blob->get(message.blob, 0, octets);
}

Result<void> LogSalvage::each_piece(const MessageRecord& message, const Body& body, const store::Sink& take) {
  if (body.blob == nullptr) return take(body.octets);
  for (std::uint64_t at = 0; at < message.body_size; at += kPiece) {
    const auto piece = body.blob->get(message.blob, at, kPiece);
    if (!piece) return std::unexpected(piece.error());
    if (auto taken = take(*piece); !taken) return taken;
  }
  return {};
}

Result<bool> LogSalvage::has_body(const MessageRecord& message) const {
  if (!message.blob.empty())
    return check_blob_size(*database_.blob, message.blob, message.body_size).has_value();
  const auto body = kv_.get(store::kBody, message.body_key);
  if (!body) return std::unexpected(body.error());
  return body->has_value();
}

/// Its record was behind a gap in the logs, and in it its body, or what kept a file of one from being set
/// aside.
Result<void> LogSalvage::put_body_back(const MessageRecord& message) {
  auto body = body_of(message);
  if (!body) return std::unexpected(std::move(body.error()));
  if (!*body) {
    ++counts_.had;  // as it is: `store verify` tells of it
    return {};
  }
  if (!dry_run_) {
    const auto header = header_of(message, **body);
    if (!header) return std::unexpected(header.error());
    Kv::Batch batch;
    batch.put(store::kEnvelope, message.body_key, encode(record::summarize(*header)));
    if (message.blob.empty()) {
      batch.preconditions.push_back({store::kBody, message.body_key, std::nullopt});
      batch.put(store::kBody, message.body_key, std::move((*body)->octets));
    } else {
      auto file = database_.blob->put(message.blob);
      if (!file) return std::unexpected(std::move(file.error()));
      const auto written =
          each_piece(message, **body, [&](std::string_view piece) { return (*file)->write(piece); });
      if (!written) return std::unexpected(written.error());
      if (auto synced = (*file)->finish(); !synced) return synced;
      batch.put(store::kFile, message.blob, store::count_value(message.body_size));
    }
    if (auto committed = meanwhile(database_.commits->commit(std::move(batch))); !committed) return committed;
  }
  ++counts_.bodies;
  return {};
}

Result<std::optional<LogSalvage::Body>> LogSalvage::body_of(const MessageRecord& message) const {
  using Found = std::optional<Body>;
  if (message.blob.empty()) {
    auto body = logs_.body(message.body_key);
    if (!body) return std::unexpected(std::move(body.error()));
    if (!*body && target_.same) {
      body = kv_.get(store::kBody, message.body_key);
      if (!body) return std::unexpected(std::move(body.error()));
      // After a loss another message may have come to have the key.
      if (*body && mail::find_header_end(**body).body != message.header_size) body->reset();
    }
    if (!*body || (*body)->size() != message.body_size) return Found();
    return Found(Body{std::move(**body), nullptr});
  }
  const auto has = [&](const Blob& blob) {
    return check_blob_size(blob, message.blob, message.body_size) && blob.verify(message.blob);
  };
  if (has(*database_.blob)) return Found(Body{{}, database_.blob.get()});
  for (const auto& blob : aside_) {
    if (has(*blob)) return Found(Body{{}, blob.get()});
  }
  return Found();
}

Result<void> LogSalvage::add(const std::string& key, MessageRecord message,
                             std::vector<std::string> deliveries, const Body& body) {
  KnownBy known_by;
  known_by.emplace_back(store::kMeta, store::salvaged_key(key, message.received));
  for (auto& delivery : deliveries) known_by.emplace_back(store::kDelivery, std::move(delivery));
  return put(key, std::move(message), std::move(known_by), body, counts_.added);
}

/// Adds it to the mailbox that is the target.
Result<void> LogSalvage::put(const std::string& key, MessageRecord message, KnownBy known_by,
                             const Body& body, std::uint64_t& count) {
  if (dry_run_) {
    ++count;
    return {};
  }
  if (!opened_) {
    const auto opened = import_.open(target_.mailbox);
    if (!opened) return std::unexpected(opened.error());
    opened_ = true;
    refused_ = opened->value_or(std::string());
  }
  if (!refused_.empty()) {
    leave_out(store::uid_of(key).value_or(0), refused_);
    return {};
  }
  ImportHead head{message.received,          message.flags,    std::move(message.keywords),
                  std::move(message.sender), message.queue_id, std::move(known_by)};
  if (auto begun = import_.begin(std::move(head)); !begun) return begun;
  if (auto written = import_.write(message.prefix); !written) return written;
  auto written = each_piece(message, body, [this](std::string_view piece) { return import_.write(piece); });
  if (!written) return written;
  ++count;
  return meanwhile(import_.end());
}

Result<void> LogSalvage::run_doubtful() {
  auto messages = logs_.doubtful_messages();
  while (const auto one = messages.next()) {
    const auto place = store::place_of(one->key);
    if (!place) continue;
    // One record may tell whose it is where another did not.
    if (number_ != place->mailbox || (target_.mailbox.empty() && !one->account.empty())) {
      if (auto begun = begin_mailbox(place->mailbox, one->account); !begun) return begun;
    }
    if (auto taken = doubtful(*one); !taken) return taken;
  }
  if (auto end = messages.end(); !end) return end;
  return end_mailbox();
}

/// Whether nothing is to be done about it; counts it then.
Result<bool> LogSalvage::is_settled(const SalvagedLogs::Doubtful& one) {
  const auto uid = store::uid_of(one.key).value_or(0);
  if (target_.removed || target_.vanished.contains(uid)) {
    ++counts_.removed;
    return true;
  }
  const auto salvaged = kv_.get(store::kMeta, store::salvaged_key(one.key));
  if (!salvaged) return std::unexpected(salvaged.error());
  const auto intact = logs_.speaks_of(one.key);
  if (!intact) return std::unexpected(intact.error());
  bool there = salvaged->has_value() || *intact;
  for (const auto& [space, key] :
       {std::pair<Kv::Space, std::string>(store::kMessage, one.key),
        std::pair<Kv::Space, std::string>(store::kRemoved, store::removed_key(*number_, uid))}) {
    const auto stored = target_.same ? kv_.get(space, key) : Result<std::optional<std::string>>{};
    if (!stored) return std::unexpected(stored.error());
    there = there || stored->has_value();
  }
  if (there) ++counts_.had;
  return there;
}

Result<void> LogSalvage::doubtful(const SalvagedLogs::Doubtful& one) {
  const auto settled = is_settled(one);
  if (!settled) return std::unexpected(settled.error());
  if (*settled) return {};
  const auto uid = store::uid_of(one.key).value_or(0);
  // Two that agree: the number may be wrong, and the name too.
  const auto account = std::string(store::account_of(target_.mailbox));
  if (account.empty() || account != one.account) {
    leave_out(uid, "in a damaged record, and not sure whose it was: " + one.where);
    return {};
  }
  auto decoded = record::decode_message_record(one.stored);
  const auto body = doubtful_body(one.key, decoded ? &*decoded : nullptr);
  if (!body) return std::unexpected(body.error());
  if (!*body) {
    leave_out(uid, "in a damaged record, without its body: " + one.where);
    return {};
  }
  MessageRecord message;
  if (decoded) {
    message = std::move(*decoded);
  } else {
    message.received = clock_.now();
  }
  message.prefix.insert(0, "X-Hikyaku-Salvaged: " + escaped(one.where) + "; any octet may be wrong\r\n");
  if (!opened_) target_.mailbox = account + std::string(SalvageTargets::kFolder);
  return put(one.key, std::move(message), {{store::kMeta, store::salvaged_key(one.key)}}, **body,
             counts_.doubtful);
}

/// As much of it as there is.
Result<std::optional<LogSalvage::Body>> LogSalvage::doubtful_body(const std::string& key,
                                                                  const MessageRecord* message) const {
  if (message != nullptr) {
    auto whole = body_of(*message);
    if (!whole || *whole) return whole;
    if (!message->blob.empty()) return std::nullopt;
  }
  auto body = logs_.doubtful_body(message != nullptr ? message->body_key : key);
  if (!body) return std::unexpected(std::move(body.error()));
  if (!*body) return std::nullopt;
  return Body{std::move(**body), nullptr};
}

}  // namespace

Result<SalvageCounts> salvage_logs(StoreDatabase& database, const SalvageWish& wish, const Clock& clock,
                                   Random& random, const std::function<void(const json&)>& row,
                                   const io::Progress& progress) {
  const auto directory = database.kv->directory();
  const auto sources = find_sources(directory, wish.from);
  if (!sources) return std::unexpected(sources.error());
  auto logs = SalvagedLogs::make(directory / "salvage-rows");
  if (!logs) return std::unexpected(std::move(logs.error()));
  const auto read = logs->read(sources->logs, progress);
  if (!read) return std::unexpected(read.error());
  LogSalvage salvage(database, *logs, wish.dry_run, clock, random, row);
  for (const auto& log : *read) {
    ++salvage.counts().logs;
    salvage.counts().records += log.records;
    json told{{"log", log.file.string()}, {"records", log.records}, {"damages", log.damages}};
    if (!log.of_mailboxes && (log.records > 0 || log.damages > 0)) {
      ++salvage.counts().faults;
      told["fault"] =
          "no intact record of mailboxes is in it: damaged throughout, or a log of something else";
    }
    row(told);
  }
  if (auto opened = salvage.open(sources->blobs); !opened) return std::unexpected(opened.error());
  if (auto done = salvage.run(progress); !done) return std::unexpected(done.error());
  return salvage.counts();
}

json salvaged_row(const SalvageCounts& counts, bool dry_run) {
  return {{"logs", counts.logs},         {"records", counts.records}, {"added", counts.added},
          {"bodies", counts.bodies},     {"had", counts.had},         {"removed", counts.removed},
          {"left_out", counts.left_out}, {"faults", counts.faults},   {"dry_run", dry_run}};
}

}  // namespace hikyaku::serve
