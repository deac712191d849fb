#include "serve/database_mount.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/escape.h"
#include "io/file_blob.h"
#include "io/rocks_kv.h"
#include "io/rocks_recovery.h"
#include "io/synced_files.h"
#include "store/check.h"

namespace hikyaku::serve {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr std::string_view kReport = "loss.txt", kReportJson = "loss.json", kAcknowledged = "acknowledged";

std::string place_of(const io::LogGap& gap) {
  if (gap.offset == 0 && gap.end == 0) return gap.file.filename().string();
  return fmt::format("{} at offset {}{}", gap.file.filename().string(), gap.offset,
                     gap.end > gap.offset ? fmt::format("-{}", gap.end - 1) : "");
}

std::string counted(std::uint64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string shown_time(Time time) { return time == Time{} ? std::string() : iso_text(time); }

}  // namespace

Result<std::unique_ptr<io::RocksKv>> open_tables(const DatabasePlace& place) {
  auto options = place.options({});
  options.access = io::RocksKv::Access::read_only;
  options.tables_only = true;
  io::RocksKv::Notes notes;
  return io::RocksKv::open(options, notes);
}

io::RocksKv::Options DatabasePlace::options(Time now) const {
  io::RocksKv::Options options;
  options.directory = directory;
  options.spaces = spaces;
  options.log_lifetime = log_lifetime;
  options.now = now;
  return options;
}

std::string_view ese_number(io::LogReport::State state) {
  switch (state) {
    case io::LogReport::State::corrupt:
      return "-501";
    case io::LogReport::State::missing:
      return "-528";
    case io::LogReport::State::foreign:
      return "-530";
    case io::LogReport::State::ok:
    case io::LogReport::State::torn:
    case io::LogReport::State::not_needed:
      break;
  }
  return {};
}

std::uint64_t MountLoss::messages() const {
  std::uint64_t sum = queued.size();
  for (const auto& loss : mailboxes) sum += std::uint64_t{loss.last} - loss.first + 1;
  return sum;
}

Result<DatabaseMount> DatabaseMount::open(DatabasePlace place, const io::Progress& progress) {
  DatabaseMount mount(std::move(place));
  auto salvage = io::Salvage::open(mount.place_.directory, progress);
  if (!salvage) return std::unexpected(salvage.error());
  mount.salvage_.emplace(std::move(*salvage));
  return mount;
}

Result<MountLoss> DatabaseMount::foretell() {
  MountLoss loss;
  loss.header_fault = salvage_->header_fault();
  std::ranges::copy_if(logs(), std::back_inserter(loss.bad_logs),
                       [](const io::LogReport& log) { return io::is_damage(log.state); });
  const bool mailboxes = place_.kind == DatabasePlace::Kind::mailboxes;
  store::LossSurvey of_mailboxes;
  queue::LossSurvey of_queue;
  const auto row = [&](const io::SalvagedRow& one) {
    if (mailboxes) {
      of_mailboxes.row(one.space, one.key, one.value, one.intact);
    } else {
      of_queue.row(one.space, one.key, one.value, one.intact);
    }
  };
  if (auto read = salvage_->read(row, [&] { of_mailboxes.gap(); }); !read)
    return std::unexpected(read.error());
  loss.gaps = salvage_->gaps();
  for (const auto& gap : loss.gaps) {
    loss.changes += gap.changes;
    loss.more_changes = loss.more_changes || gap.changes == 0;
  }
  const auto tables = open_tables(place_);
  const auto finish = [&](const Kv* kv) -> Result<void> {
    if (mailboxes) {
      auto lost = of_mailboxes.finish(kv);
      if (!lost) return std::unexpected(lost.error());
      loss.mailboxes = std::move(*lost);
    } else {
      auto lost = of_queue.finish(kv);
      if (!lost) return std::unexpected(lost.error());
      loss.queued = std::move(*lost);
    }
    return {};
  };
  auto finished = tables ? finish(tables->get()) : Result<void>(std::unexpected(tables.error()));
  if (!finished) {
    loss.tables_fault = finished.error().text;
    finished = finish(nullptr);
  }
  if (!finished) return std::unexpected(finished.error());
  return loss;
}

Result<fs::path> DatabaseMount::force(const MountLoss& loss, Time now) {
  const auto folder = io::quarantine_folder(place_.directory, now);
  const auto done =
      salvage_->carry_out(folder, {{std::string(kReport), loss_text(loss, place_, now)},
                                   {std::string(kReportJson), loss_json(loss, place_, now).dump(2) + "\n"}});
  if (!done) return std::unexpected(done.error());
  // Where the number is not known, more than the logs of a database can hold.
  constexpr std::uint64_t kManyChanges = 10'000'000;
  lost_changes_ = loss.changes + (loss.more_changes || !loss.header_fault.empty() ? kManyChanges : 0);
  return folder;
}

Result<void> DatabaseMount::complete(Time now, std::vector<std::string>& notes) {
  salvage_.reset();
  auto kv = io::RocksKv::open(place_.options(now), notes);
  if (!kv) return std::unexpected(kv.error());
  if (!lost_changes_ || place_.kind != DatabasePlace::Kind::mailboxes) return {};
  const auto blob = io::FileBlob::open(place_.blobs);
  if (!blob) return std::unexpected(blob.error());
  constexpr std::size_t kMostTold = 1000;
  std::size_t told = 0;
  const auto repaired = store::repair(**kv, **blob, [&](const store::Problem& problem) {
    if (++told <= kMostTold) {
      notes.push_back(fmt::format("{}{}: {}{}",
                                  problem.mailbox.empty() ? "database" : escaped(problem.mailbox, 500),
                                  problem.uid == 0 ? "" : fmt::format(", UID {}", problem.uid),
                                  escaped(problem.text, 1000), problem.mended ? " (mended)" : ""));
    }
  });
  if (!repaired) return std::unexpected(repaired.error());
  // After that, so that no mailbox is left out.
  if (auto skipped = store::skip_given(**kv, *lost_changes_); !skipped) return skipped;
  if (told > kMostTold) {
    notes.push_back(fmt::format("and {} more like these; hikyaku store verify tells what is not mended",
                                told - kMostTold));
  }
  return {};
}

nlohmann::json loss_json(const MountLoss& loss, const DatabasePlace& place, Time now) {
  Json logs = Json::array(), gaps = Json::array(), mailboxes = Json::array(), queued = Json::array();
  for (const auto& log : loss.bad_logs) {
    logs.push_back({{"file", log.file.string()},
                    {"generation", log.number},
                    {"state", io::text(log.state)},
                    {"ese", ese_number(log.state)},
                    {"offset", log.intact},
                    {"reason", log.reason}});
  }
  for (const auto& gap : loss.gaps) {
    gaps.push_back({{"file", gap.file.string()},
                    {"offset", gap.offset},
                    {"end", gap.end},
                    {"reason", gap.reason},
                    {"first_change", gap.first_change},
                    {"changes", gap.changes}});
  }
  for (const auto& one : loss.mailboxes) {
    Json known = Json::array();
    for (const auto& message : one.known) {
      known.push_back({{"uid", message.uid},
                       {"sender", escaped(message.sender, 500)},
                       {"subject", escaped(message.subject, 500)},
                       {"received", shown_time(message.received)},
                       {"octets", message.size}});
    }
    mailboxes.push_back({{"mailbox", escaped(one.mailbox, 500)},
                         {"first_uid", one.first},
                         {"last_uid", one.last},
                         {"known", known}});
  }
  for (const auto& one : loss.queued) {
    Json recipients = Json::array();
    for (const auto& recipient : one.recipients) recipients.push_back(escaped(recipient, 500));
    queued.push_back(
        {{"queue_id", one.id.text()}, {"sender", escaped(one.sender, 500)}, {"recipients", recipients}});
  }
  return Json{{"database", place.directory.string()},
              {"time", iso_text(now)},
              {"header_fault", loss.header_fault},
              {"logs", logs},
              {"gaps", gaps},
              {"missing_changes", loss.changes},
              {"more_changes_missing", loss.more_changes},
              {"tables_fault", loss.tables_fault},
              {"messages", loss.messages()},
              {"mailboxes", mailboxes},
              {"queued", queued}};
}

std::string loss_text(const MountLoss& loss, const DatabasePlace& place, Time now) {
  std::string text;
  if (!loss.bad_logs.empty() || !loss.header_fault.empty())
    text = fmt::format("Damaged logs of {}, {}:\n", place.directory.string(), iso_text(now));
  for (const auto& log : loss.bad_logs) {
    text += fmt::format(
        "  {}: {}{}: {} ({})\n", log.file.filename().string(), io::text(log.state),
        log.state == io::LogReport::State::corrupt ? fmt::format(" at offset {}", log.intact) : "",
        log.reason, ese_number(log.state));
  }
  if (!loss.header_fault.empty()) {
    text += fmt::format(
        "{}; it is made anew from what is there. Were the newest log missing, that could not be seen\n",
        loss.header_fault);
  }
  if (!loss.gaps.empty()) text += "What is missing in them:\n";
  for (const auto& gap : loss.gaps) {
    text += fmt::format("  {}: {}{}\n", place_of(gap), gap.reason,
                        gap.changes > 0 ? fmt::format("; {} from number {} on",
                                                      counted(gap.changes, "change"), gap.first_change)
                                        : "; an unknown number of changes");
  }
  if (!loss.tables_fault.empty()) {
    text += fmt::format("Mail that is safe in tables may be told as lost: {}\n", loss.tables_fault);
  }
  if (loss.mailboxes.empty() && loss.queued.empty())
    text += "No message is known to be lost.\n";
  else
    text += fmt::format("{} lost{}:\n", counted(loss.messages(), "message"),
                        loss.more_changes ? " that can be told of" : "");
  for (const auto& one : loss.mailboxes) {
    text += fmt::format("  {}: UID {}{}\n", escaped(one.mailbox, 500), one.first,
                        one.last > one.first ? fmt::format("-{}", one.last) : "");
    for (const auto& message : one.known) {
      text += fmt::format("    {}: from {}, {} octets, {}: {}\n", message.uid, escaped(message.sender, 500),
                          message.size, shown_time(message.received), escaped(message.subject, 500));
    }
  }
  for (const auto& one : loss.queued) {
    text +=
        fmt::format("  {}: from {} to", one.id.text(), one.sender.empty() ? "?" : escaped(one.sender, 500));
    for (const auto& recipient : one.recipients) text += ' ' + escaped(recipient, 500);
    text += '\n';
  }
  return text;
}

std::vector<fs::path> unacknowledged_losses(const fs::path& database) {
  std::vector<fs::path> folders;
  std::error_code error;
  for (const auto& folder : fs::directory_iterator(database / "quarantine", error)) {
    std::error_code ignored;
    if (fs::exists(folder.path() / kReportJson, ignored) &&
        !fs::exists(folder.path() / kAcknowledged, ignored))
      folders.push_back(folder.path());
  }
  std::ranges::sort(folders);
  return folders;
}

Result<std::size_t> acknowledge_losses(const fs::path& database) {
  const auto folders = unacknowledged_losses(database);
  for (const auto& folder : folders) {
    if (auto written = io::replace_synced(folder / kAcknowledged, ""); !written)
      return std::unexpected(written.error());
  }
  return folders.size();
}

}  // namespace hikyaku::serve
