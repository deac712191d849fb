#include "cmd/store_command.h"

#include <sysexits.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/escape.h"
#include "cmd/administer.h"
#include "cmd/command_line.h"
#include "cmd/commands.h"
#include "cmd/configuration_files.h"
#include "cmd/mailbox_export.h"
#include "cmd/running_configuration.h"
#include "io/database_header.h"
#include "io/file_blob.h"
#include "io/log_check.h"
#include "io/rocks_kv.h"
#include "io/system_random.h"
#include "store/store.h"

namespace hikyaku::cmd {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

int tell(const Error& error) {
  std::fprintf(stderr, "hikyaku store: %s\n", error.text.c_str());
  switch (error.fault) {
    case Fault::malformed:
      return EX_USAGE;
    case Fault::not_found:
      return EX_NOINPUT;
    case Fault::temporary:
      return EX_TEMPFAIL;
    case Fault::corrupt:
      return EX_DATAERR;
    case Fault::permanent:
      break;
  }
  return EX_UNAVAILABLE;
}

/// The mailboxes as they are now, for reading, also while a hub runs.
struct OpenStore {
  std::unique_ptr<io::RocksKv> kv;
  std::unique_ptr<io::FileBlob> blob;
  std::unique_ptr<store::Store> store;

  static Result<OpenStore> open(const fs::path& directory) {
    io::RocksKv::Options options;
    options.directory = directory;
    options.spaces = store::spaces();
    options.access = io::RocksKv::Access::read_only;
    io::RocksKv::Notes notes;
    OpenStore opened;
    auto kv = io::RocksKv::open(options, notes);
    if (!kv) return std::unexpected(kv.error());
    opened.kv = std::move(*kv);
    auto blob = io::FileBlob::open_read_only(directory / "blobs");
    if (!blob) return std::unexpected(blob.error());
    opened.blob = std::move(*blob);
    auto store = store::Store::open(*opened.kv, *opened.blob);
    if (!store) return std::unexpected(store.error());
    opened.store = std::move(*store);
    return opened;
  }
};

int list(const fs::path& directory, bool as_json) {
  const auto opened = OpenStore::open(directory);
  if (!opened) return tell(opened.error());
  const auto mailboxes = opened->store->list_mailboxes();
  if (!mailboxes) return tell(mailboxes.error());
  if (!as_json && mailboxes->empty())
    std::puts("There is no mailbox yet: one is made with its first message.");
  if (!as_json && !mailboxes->empty()) std::puts("messages   unseen       octets  next UID  mailbox");
  int code = EX_OK;
  for (const auto& mailbox : *mailboxes) {
    const auto sum = opened->store->summary(mailbox.name);
    if (!sum) return tell(sum.error());
    if (sum->damaged > 0) code = EX_DATAERR;
    if (as_json) {
      print_json({{"mailbox", mailbox.name},
                  {"messages", sum->messages},
                  {"unseen", sum->unseen},
                  {"octets", sum->octets},
                  {"damaged", sum->damaged},
                  {"uid_validity", mailbox.uid_validity},
                  {"next_uid", mailbox.next_uid}});
      continue;
    }
    std::printf("%8llu %8llu %12llu %9u  %s", static_cast<unsigned long long>(sum->messages),
                static_cast<unsigned long long>(sum->unseen), static_cast<unsigned long long>(sum->octets),
                mailbox.next_uid, escaped(mailbox.name).c_str());
    if (sum->damaged > 0) std::printf("  (%llu damaged)", static_cast<unsigned long long>(sum->damaged));
    std::puts("");
  }
  return code;
}

/// Reads the header and the logs alone, never through the engine.
struct Health {
  io::DatabaseHeader header;
  std::uint64_t acknowledged = 0;
  bool in_use = false;
  std::vector<io::LogReport> logs;
};
Result<Health> examine(const fs::path& directory) {
  const auto header = io::HeaderFile::open(directory / "header", io::HeaderFile::Access::read_only, 0);
  if (!header) return std::unexpected(header.error());
  auto logs = io::check_logs(directory / "db", header->header().logs, header->acknowledged());
  if (!logs) return std::unexpected(logs.error());
  return Health{header->header(), header->acknowledged(), header->beside_writer(), std::move(*logs)};
}

bool bad(const io::LogReport& log) { return io::is_damage(log.state); }

std::string_view state_text(const Health& health) {
  if (health.in_use) return "open in a running hub";
  switch (health.header.state) {
    case io::DatabaseHeader::State::creating:
      return "never finished being made";
    case io::DatabaseHeader::State::dirty:
      return "dirty shutdown";
    case io::DatabaseHeader::State::clean:
      return "clean shutdown";
  }
  return "?";
}

std::string signature_text(std::uint64_t signature) {
  char text[24];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(signature));
  return text;
}

int status(const fs::path& directory, bool as_json) {
  const auto health = examine(directory);
  if (!health) return tell(health.error());
  const auto damaged = std::ranges::count_if(health->logs, bad);
  std::uint64_t octets = 0, records = 0;
  for (const auto& log : health->logs) {
    octets += log.octets;
    records += log.records;
  }
  const auto& needed = health->header.logs;
  std::vector<std::uint64_t> numbers;
  for (const auto& log : needed) numbers.push_back(log.number);
  const auto range = needed.empty()
                         ? std::string("none")
                         : std::to_string(needed.front().number) + "-" + std::to_string(needed.back().number);
  if (as_json) {
    print_json({{"directory", directory.string()},
                {"state", state_text(*health)},
                {"signature", signature_text(health->header.signature)},
                {"logs_required", numbers},
                {"log_octets", octets},
                {"log_records", records},
                {"damaged_logs", damaged}});
  } else {
    std::printf(
        "Database:       %s\nState:          %.*s\nSignature:      %s\nLogs required:  %s (%llu octets, %llu "
        "records)\n",
        directory.c_str(), static_cast<int>(state_text(*health).size()), state_text(*health).data(),
        signature_text(health->header.signature).c_str(), range.c_str(),
        static_cast<unsigned long long>(octets), static_cast<unsigned long long>(records));
    if (damaged > 0)
      std::printf("Damaged logs:   %lld; hikyaku store check-logs names them\n",
                  static_cast<long long>(damaged));
  }
  return damaged > 0 ? EX_DATAERR : EX_OK;
}

int check_logs(const fs::path& directory, bool as_json) {
  const auto health = examine(directory);
  if (!health) return tell(health.error());
  for (const auto& log : health->logs) {
    const auto state = io::text(log.state);
    if (as_json) {
      print_json({{"file", log.file.string()},
                  {"generation", log.number},
                  {"state", state},
                  {"ok", !bad(log)},
                  {"octets", log.octets},
                  {"records", log.records},
                  {"first_sequence", log.first_sequence},
                  {"last_sequence", log.records == 0 ? 0 : log.next_sequence - 1},
                  {"intact_octets", log.intact},
                  {"reason", log.reason}});
      continue;
    }
    std::printf("%s: %.*s", log.file.c_str(), static_cast<int>(state.size()), state.data());
    if (!log.reason.empty()) {
      std::printf(" at offset %llu: %s", static_cast<unsigned long long>(log.intact), log.reason.c_str());
    }
    if (log.records > 0) {
      std::printf(" (%llu records, sequence %llu-%llu)", static_cast<unsigned long long>(log.records),
                  static_cast<unsigned long long>(log.first_sequence),
                  static_cast<unsigned long long>(log.next_sequence - 1));
    }
    std::puts("");
  }
  const auto damaged = std::ranges::count_if(health->logs, bad);
  if (!as_json) std::printf("%zu logs, %lld bad\n", health->logs.size(), static_cast<long long>(damaged));
  return damaged > 0 ? EX_DATAERR : EX_OK;
}

ExportFormat export_format(std::string_view name) {
  if (name == "maildir") return ExportFormat::maildir;
  return name == "eml" ? ExportFormat::eml : ExportFormat::mbox;
}

int export_one(const fs::path& directory, const std::string& mailbox, store::Uid uid, ExportFormat format,
               const fs::path& output) {
  const bool to_folder = format == ExportFormat::maildir || (format == ExportFormat::eml && uid == 0);
  if (to_folder && output.empty()) {
    std::fputs("hikyaku store export: --output names the folder that maildir and eml files go to\n", stderr);
    return EX_USAGE;
  }
  const auto opened = OpenStore::open(directory);
  if (!opened) return tell(opened.error());
  const auto result = export_mailbox(*opened->store, mailbox, uid, format, output);
  if (!result) return tell(result.error());
  if (!output.empty())
    std::fprintf(stderr, "%llu messages\n", static_cast<unsigned long long>(result->messages));
  return result->damaged > 0 ? EX_DATAERR : EX_OK;
}

}  // namespace

int store_command(int argc, char** argv) {
  CommandLine app{"hikyaku store",
                  "Looks at the mailbox database. Changes nothing; works whether or not a hub runs."};
  std::string directory = kDefaultDirectory;
  bool as_json = false;
  app.config_directory(directory);
  app.flag("--json", as_json, "one JSON object a line");
  app.footer(
      "Examples:\n  hikyaku store -c DIR list\n  hikyaku store -c DIR export joe@example.org > joe.mbox\n"
      "  hikyaku store -c DIR export joe@example.org --format maildir --output Maildir\n"
      "  hikyaku store -c DIR export joe@example.org --uid 7 --format eml\n"
      "  hikyaku store -c DIR check-logs --queue --json\n"
      "Exit code 65: something is damaged; 66: there is no such database, mailbox or message.");

  bool queue = false;
  const auto with_queue = [&](const char* name, const char* help) -> CommandLine& {
    auto& command = app.subcommand(name, help);
    command.flag("--queue", queue, "the queue's database instead of the mailboxes'");
    return command;
  };
  auto& list_command = app.subcommand("list", "the mailboxes with their messages, unseen ones and octets");
  auto& status_command = with_queue("status", "clean or dirty shutdown, the logs required, the signature");
  auto& check_command =
      with_queue("check-logs", "verify each log: ok, torn at the end, corrupt at an offset, missing");
  auto& export_command = app.subcommand("export", "the messages of a mailbox as mbox, Maildir or .eml files");
  std::string mailbox, output, format = "mbox";
  store::Uid uid = 0;
  export_command.option("mailbox", &mailbox, "its name: user@domain, or user", {.required = true});
  export_command.option("--uid", &uid, "this message alone");
  export_command.option("--format", &format, "what is written", {.one_of = {"mbox", "maildir", "eml"}});
  export_command.option("--output", &output, "the new mbox file, or the folder for maildir and eml");
  if (const auto end = app.parse(argc, argv)) return *end;

  io::SystemRandom random;
  const auto loaded = load_configuration(directory, random, false);
  if (!loaded.running) return loaded.exit_code;
  const auto mailboxes = fs::path(loaded.running->data_directory) / "mailboxes" / "default";
  const auto database = queue ? fs::path(loaded.running->queue_directory) / "hikyaku" / "queue" : mailboxes;
  if (list_command.called()) return list(mailboxes, as_json);
  if (status_command.called()) return status(database, as_json);
  if (check_command.called()) return check_logs(database, as_json);
  return export_one(mailboxes, mailbox, uid, as_json ? ExportFormat::json : export_format(format), output);
}

}  // namespace hikyaku::cmd
