#include "cmd/store_recovery.h"

#include <fmt/format.h>
#include <sysexits.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/escape.h"
#include "cmd/administer.h"
#include "cmd/control_client.h"
#include "cmd/exit_code.h"
#include "cmd/progress.h"
#include "cmd/verified_bodies.h"
#include "io/database_header.h"
#include "io/file_blob.h"
#include "io/rocks_kv.h"
#include "io/table_check.h"
#include "record/mailbox_catalogue.h"
#include "store/check.h"

namespace hikyaku::cmd {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

Time now() { return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now()); }

/// Reads the header and the logs alone, never through the engine.
struct Health {
  io::DatabaseHeader header;
  std::uint64_t acknowledged = 0;
  bool in_use = false;
  std::vector<io::LogReport> logs;

  auto damaged() const {
    return std::ranges::count_if(logs, [](const io::LogReport& log) { return io::is_damage(log.state); });
  }
};

Result<Health> examine(const fs::path& directory) {
  const auto header = io::HeaderFile::open(directory / "header", io::HeaderFile::Access::read_only, 0);
  if (!header) return std::unexpected(header.error());
  const bool forced = header->header().state == io::DatabaseHeader::State::forced;
  ProgressLine progress("verifying logs");
  auto logs = io::check_logs(directory / "db", header->header().logs, header->acknowledged(),
                             std::ref(progress), forced ? io::Gaps::accepted : io::Gaps::refused);
  if (!logs) return std::unexpected(logs.error());
  return Health{header->header(), header->acknowledged(), header->beside_writer(), std::move(*logs)};
}

std::string_view state_text(const Health& health) {
  if (health.in_use) return "open in a running hub";
  switch (health.header.state) {
    case io::DatabaseHeader::State::creating:
      return "never finished being made";
    case io::DatabaseHeader::State::dirty:
      return "dirty shutdown";
    case io::DatabaseHeader::State::clean:
      return "clean shutdown";
    case io::DatabaseHeader::State::forced:
      return "being mounted by force";
  }
  return "?";
}

std::string time_text(Time time) { return time == Time{} ? "never" : iso_text(time); }

/// Octets of all files below.
std::uint64_t size_of(const fs::path& directory) {
  std::uint64_t sum = 0;
  std::error_code error;
  for (const auto& file : fs::recursive_directory_iterator(directory, error)) {
    std::error_code gone;
    if (file.is_regular_file(gone) && !gone) sum += file.file_size(gone);
  }
  return sum;
}

void print_log(const io::LogReport& log, bool as_json) {
  const auto state = io::text(log.state);
  if (as_json) {
    return print_json({{"file", log.file.string()},
                       {"generation", log.number},
                       {"state", state},
                       {"ok", !io::is_damage(log.state)},
                       {"ese", serve::ese_number(log.state)},
                       {"octets", log.octets},
                       {"records", log.records},
                       {"first_sequence", log.first_sequence},
                       {"last_sequence", log.records == 0 ? 0 : log.next_sequence - 1},
                       {"intact_octets", log.intact},
                       {"reason", log.reason}});
  }
  fmt::print("{}: {}", log.file.string(), state);
  if (log.state == io::LogReport::State::corrupt || log.state == io::LogReport::State::torn)
    fmt::print(" at offset {}", log.intact);
  if (!log.reason.empty()) fmt::print(": {}", log.reason);
  if (const auto number = serve::ese_number(log.state); !number.empty()) fmt::print(" ({})", number);
  if (log.records > 0) {
    fmt::print(" [{} records, sequence {}-{}]", log.records, log.first_sequence, log.next_sequence - 1);
  }
  fmt::print("\n");
}

std::string name_of(const serve::DatabasePlace& place) {
  return place.kind == serve::DatabasePlace::Kind::queue ? "queue" : place.name;
}

/// By the hub that runs, if one does and the database is whole; nullopt: not done.
Result<std::optional<int>> mounted_by_hub(const serve::DatabasePlace& place, const std::string& control,
                                          bool as_json) {
  if (place.kind != serve::DatabasePlace::Kind::mailboxes) return std::optional<int>{};
  const json request{{"command", "store.mount"}, {"database", place.name}};
  auto answered = ask_hub(control, request, [&](const json& row) {
    if (as_json) return print_json(row);
    for (const auto& note : row["notes"]) fmt::print("{}\n", note.get<std::string>());
    fmt::print("{} is mounted in the running hub\n", place.directory.string());
  });
  // What is damaged is looked at here.
  if (!answered && answered.error().fault != Fault::corrupt) return std::unexpected(answered.error());
  return answered ? *answered : std::optional<int>{};
}

int mounted(serve::DatabaseMount& mount, const serve::DatabasePlace& place, const std::string& control,
            bool as_json, json told) {
  std::vector<std::string> notes;
  if (auto done = mount.complete(now(), notes); !done) return tell_store_error(done.error());
  told["mounted"] = true;
  told["notes"] = notes;
  if (as_json) {
    print_json(told);
  } else {
    for (const auto& note : notes) fmt::print("{}\n", note);
    fmt::print("{} was mounted and closed in order: clean shutdown\n", place.directory.string());
  }
  const auto by_hub = mounted_by_hub(place, control, as_json);
  if (!by_hub) return tell_store_error(by_hub.error());
  return by_hub->value_or(EX_OK);
}

}  // namespace

std::string with_name(const serve::DatabasePlace& place) {
  if (place.kind == serve::DatabasePlace::Kind::queue) return " --queue";
  return place.name == record::MailboxCatalogue::kDefault ? std::string() : ' ' + place.name;
}

int tell_store_error(const Error& error) { return tell_error("hikyaku store", error); }

json database_summary(const serve::DatabasePlace& place) {
  const auto health = examine(place.directory);
  // In the words of what is wrong when there is nothing to look at.
  const auto state = health ? std::string(health->damaged() > 0 ? "damaged" : state_text(*health))
                            : (health.error().fault == Fault::not_found ? "not there" : "damaged");
  return {{"database", name_of(place)},
          {"directory", place.directory.string()},
          {"state", state},
          {"octets", size_of(place.directory)},
          {"damaged", state == "damaged"}};
}

int database_status(const serve::DatabasePlace& place, bool as_json) {
  const auto& directory = place.directory;
  const auto health = examine(directory);
  if (!health) return tell_store_error(health.error());
  const auto damaged = health->damaged();
  const auto losses = serve::unacknowledged_losses(directory);
  std::uint64_t octets = 0, records = 0, committed = 0;
  std::vector<std::uint64_t> required;
  for (const auto& log : health->header.logs) required.push_back(log.number);
  for (const auto& log : health->logs) {
    octets += log.octets;
    records += log.records;
    committed = std::max(committed, log.number);
  }
  const auto signature = fmt::format("{:016x}", health->header.signature);
  if (as_json) {
    json folders = json::array();
    for (const auto& folder : losses) folders.push_back(folder.string());
    print_json({{"database", name_of(place)},
                {"directory", directory.string()},
                {"state", state_text(*health)},
                {"signature", signature},
                {"logs_required", required},
                {"last_log", committed},
                {"log_octets", octets},
                {"log_records", records},
                {"acknowledged_sequence", health->acknowledged},
                {"last_consistent", time_text(health->header.consistent)},
                {"last_full_backup", time_text(health->header.full_backup)},
                {"last_incremental_backup", time_text(health->header.incremental_backup)},
                {"octets", size_of(directory)},
                {"damaged_logs", damaged},
                {"losses", folders}});
  } else {
    const auto range =
        required.empty() ? std::string("none") : fmt::format("{}-{}", required.front(), required.back());
    fmt::print(
        "Database:         {} ({})\nState:            {}\nSignature:        {}\nLogs required:    {} ({} "
        "octets, "
        "{} "
        "records)\nAcknowledged:     {}\nLast consistent:  {}\nLast full backup: {}\nIncremental:      {}\n"
        "Size:             {} octets\n",
        directory.string(), name_of(place), state_text(*health), signature, range, octets, records,
        health->acknowledged == 0 ? "not known" : fmt::format("up to change {}", health->acknowledged),
        time_text(health->header.consistent), time_text(health->header.full_backup),
        time_text(health->header.incremental_backup), size_of(directory));
    if (damaged > 0) fmt::print("Damaged logs:     {}; hikyaku store check-logs names them\n", damaged);
    for (const auto& folder : losses) {
      fmt::print("Mounted with loss: {}; hikyaku store acknowledge{} when you know\n",
                 (folder / "loss.txt").string(), with_name(place));
    }
  }
  return damaged > 0 ? EX_DATAERR : EX_OK;
}

int check_database_logs(const serve::DatabasePlace& place, bool as_json) {
  const auto health = examine(place.directory);
  if (!health) return tell_store_error(health.error());
  for (const auto& log : health->logs) print_log(log, as_json);
  const auto damaged = health->damaged();
  if (!as_json) fmt::print("{} logs, {} bad\n", health->logs.size(), damaged);
  return damaged > 0 ? EX_DATAERR : EX_OK;
}

/// Cross references, which only make sense where every octet is right. Gives the count of problems.
Result<std::uint64_t> check_references(const serve::DatabasePlace& place, VerifiedBodies& bodies,
                                       bool as_json) {
  io::RocksKv::Options options;
  options.directory = place.directory;
  options.spaces = place.spaces;
  options.access = io::RocksKv::Access::read_only;
  io::RocksKv::Notes notes;
  const auto kv = io::RocksKv::open(options, notes);
  if (!kv) return std::unexpected(kv.error());
  const auto blob = io::FileBlob::open_read_only(place.directory / "blobs");
  if (!blob) return std::unexpected(blob.error());
  const auto report = [&](const store::Problem& problem) {
    if (as_json) {
      print_json({{"mailbox", escaped(problem.mailbox, 500)},
                  {"uid", problem.uid},
                  {"kind", store::text(problem.kind)},
                  {"ok", false},
                  {"reason", escaped(problem.text, 1000)}});
    } else {
      fmt::print("{}{}: {}\n", problem.mailbox.empty() ? "database" : escaped(problem.mailbox, 500),
                 problem.uid == 0 ? "" : fmt::format(", UID {}", problem.uid), escaped(problem.text, 1000));
    }
  };
  const auto checked = store::check(**kv, **blob, report,
                                    [&](const std::string& body) { return bodies.verify(**blob, body); });
  if (!checked) return std::unexpected(checked.error());
  if (!as_json) {
    fmt::print("{} mailboxes, {} messages, {} removed ones, {} bodies: {} problems\n", checked->mailboxes,
               checked->messages, checked->removed, checked->bodies, checked->problems);
  }
  return checked->problems;
}

int verify_database(const serve::DatabasePlace& place, bool as_json) {
  const auto health = examine(place.directory);
  if (!health) return tell_store_error(health.error());
  std::uint64_t octets = 0;
  auto bad = health->damaged();
  for (const auto& log : health->logs) {
    octets += log.octets;
    if (io::is_damage(log.state)) print_log(log, as_json);
  }
  Result<std::vector<io::TableReport>> tables;
  {
    ProgressLine progress("verifying tables");
    tables = io::check_tables(place.directory, place.spaces, std::ref(progress));
  }
  if (!tables) return tell_store_error(tables.error());
  VerifiedBodies bodies(place.blobs);
  const auto tell = [&](const io::TableReport& table) {
    octets += table.octets;
    if (table.reason.empty()) return;
    ++bad;
    if (as_json) {
      print_json(
          {{"file", table.file.string()}, {"space", table.space}, {"ok", false}, {"reason", table.reason}});
    } else {
      fmt::print("{}: {}{}\n", table.file.string(), table.reason,
                 table.space.empty() ? "" : " (of the space " + table.space + ")");
    }
  };
  std::ranges::for_each(*tables, tell);
  // Beside a writer they change while they are read.
  const bool with_references =
      bad == 0 && !health->in_use && place.kind == serve::DatabasePlace::Kind::mailboxes;
  if (with_references) {
    const auto problems = check_references(place, bodies, as_json);
    if (!problems) return tell_store_error(problems.error());
    bad += static_cast<decltype(bad)>(*problems);
  }
  const auto& found = bodies.reports();
  if (!found) return tell_store_error(found.error());
  for (const auto& body : *found) {
    // What is wrong with one was told with the message that has it.
    if (with_references) {
      octets += body.octets;
    } else {
      tell(body);
    }
  }
  const auto files = health->logs.size() + tables->size() + found->size();
  if (as_json) {
    print_json({{"files", files}, {"octets", octets}, {"bad", bad}});
  } else {
    fmt::print("{} files, {} octets, {} bad\n", files, octets, bad);
  }
  return bad > 0 ? EX_DATAERR : EX_OK;
}

int dismount_database(const serve::DatabasePlace& place, const std::string& control, bool as_json) {
  const json request{{"command", "store.dismount"}, {"database", place.name}};
  const auto answered = ask_hub(control, request, [&](const json& row) {
    if (as_json) return print_json(row);
    fmt::print("the mailbox database {} is dismounted; mail for it waits in the queue\n", place.name);
  });
  if (!answered) return tell_store_error(answered.error());
  if (*answered) return **answered;
  if (!as_json) fmt::print("no hub runs: nothing is mounted\n");
  return EX_OK;
}

int mount_database(const serve::DatabasePlace& place, const std::string& control, bool force, bool as_json) {
  const auto by_hub = mounted_by_hub(place, control, as_json);
  if (!by_hub) return tell_store_error(by_hub.error());
  if (*by_hub) return **by_hub;
  ProgressLine progress("verifying logs");
  auto mount = serve::DatabaseMount::open(place, std::ref(progress));
  if (!mount) return tell_store_error(mount.error());
  if (!mount->needs_force()) return mounted(*mount, place, control, as_json, json::object());
  const auto loss = mount->foretell();
  if (!loss) return tell_store_error(loss.error());
  const auto report = serve::loss_json(*loss, place, now());
  if (!force) {
    if (as_json) {
      print_json({{"mounted", false}, {"loss", report}});
      return EX_DATAERR;
    }
    for (const auto& log : mount->logs()) print_log(log, false);
    fmt::print(
        "\n{}\nNothing was changed. Better than what follows is to put a good copy of the bad log in its "
        "place.\n"
        "To set the bad logs aside (they are kept in quarantine) and keep all that is intact:\n"
        "  hikyaku store mount{} --force\n",
        serve::loss_text(*loss, place, now()), with_name(place));
    return EX_DATAERR;
  }
  const auto folder = mount->force(*loss, now());
  if (!folder) return tell_store_error(folder.error());
  if (!as_json) {
    fmt::print("{}\nThe bad logs and this report are in {}\n", serve::loss_text(*loss, place, now()),
               folder->string());
    if (place.kind == serve::DatabasePlace::Kind::mailboxes) {
      fmt::print(
          "When a good copy of a bad log is found, or a missing one, its mail is brought in by:\n"
          "  hikyaku store salvage {}FILE\n",
          with_name(place).empty() ? "" : "--database " + place.name + ' ');
    }
  }
  return mounted(*mount, place, control, as_json, {{"quarantine", folder->string()}, {"loss", report}});
}

int acknowledge_loss(const serve::DatabasePlace& place, bool as_json) {
  const auto count = serve::acknowledge_losses(place.directory);
  if (!count) return tell_store_error(count.error());
  if (as_json) {
    print_json({{"acknowledged", *count}});
  } else {
    fmt::print("{} reports of a loss acknowledged; they stay in {}\n", *count,
               (place.directory / "quarantine").string());
  }
  return EX_OK;
}

}  // namespace hikyaku::cmd
