#include <sysexits.h>

#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>

#include "base/escape.h"
#include "cmd/administer.h"
#include "cmd/command_line.h"
#include "cmd/commands.h"
#include "cmd/configuration_files.h"

namespace hikyaku::cmd {
namespace {

using nlohmann::json;

std::string time_text(std::int64_t seconds) {
  const std::time_t time = seconds;
  std::tm parts{};
  localtime_r(&time, &parts);
  char text[40];
  return {text, std::strftime(text, sizeof text, "%a %b %e %H:%M:%S", &parts)};
}

/// One message as `mailq` shows it.
void print_message(const json& row) {
  if (row.contains("error")) {
    std::printf("%s  damaged: %s\n\n", row["queue_id"].get<std::string>().c_str(),
                escaped(row["error"].get<std::string>()).c_str());
    return;
  }
  const auto state = row["queue_name"].get<std::string>();
  const char* mark = state == "active" ? "*" : state == "hold" ? "!" : " ";
  std::printf("%s%s %8llu %s  %s\n", row["queue_id"].get<std::string>().c_str(), mark,
              row["message_size"].get<unsigned long long>(),
              time_text(row["arrival_time"].get<std::int64_t>()).c_str(),
              escaped(row["sender"].get<std::string>()).c_str());
  std::string reason;
  for (const auto& recipient : row["recipients"]) {
    const auto why = recipient.value("delay_reason", std::string{});
    if (!why.empty() && why != reason) std::printf("    (%s)\n", escaped(why).c_str());
    reason = why;
    std::printf("%42s%s\n", "", escaped(recipient["address"].get<std::string>()).c_str());
  }
  std::puts("");
}

int list(const std::string& directory, bool as_json, std::size_t limit) {
  std::size_t count = 0;
  unsigned long long octets = 0;
  const json request{{"command", "queue.list"}, {"limit", limit}};
  const int code = administer(directory, request, [&](const json& row) {
    if (as_json) return print_json(row);
    if (count++ == 0) std::puts("-Queue ID-        --Size-- ---Arrival Time---- -Sender/Recipient-------");
    if (row.contains("message_size")) octets += row["message_size"].get<unsigned long long>();
    print_message(row);
  });
  if (code != EX_OK || as_json) return code;
  if (count == 0) {
    std::puts("Mail queue is empty");
  } else {
    std::printf("-- %llu Kbytes in %zu Request%s.\n", octets / 1024, count, count == 1 ? "" : "s");
  }
  return code;
}

void print_changed(const char* done, const json& row) {
  const bool changed = row["changed"].get<bool>();
  std::printf("%s: %s\n", row["queue_id"].get<std::string>().c_str(),
              changed ? done : "not in the queue, or being delivered just now");
}

void print_shown(const json& row) {
  print_message(row);
  std::printf("%s", escaped(row["header"].get<std::string>(), SIZE_MAX).c_str());
  std::puts("");
}

}  // namespace

int mailq_command(int argc, char** argv) {
  CommandLine app{"mailq", "Lists the mail queue, as mailq always did."};
  std::string directory = kDefaultDirectory;
  app.option("-c,-C,--config", &directory, "the folder of main.cf and master.cf");
  if (const auto end = app.parse(argc, argv)) return *end;
  return list(directory, false, 0);
}

int queue_command(int argc, char** argv) {
  CommandLine app{
      "hikyaku queue",
      "Looks at the mail queue and changes it; asks the running hub, or the queue itself when none runs."};
  std::string directory = kDefaultDirectory;
  bool as_json = false;
  app.config_directory(directory);
  app.flag("--json", as_json, "one JSON object a line");
  app.footer(
      "Examples:\n  hikyaku queue -c DIR list --json\n  hikyaku queue hold 4dXyzAbC0001z0\n  hikyaku queue "
      "retry --all");

  std::size_t limit = 0;
  auto& list_command = app.subcommand("list", "what is in the queue");
  list_command.option("--limit", &limit, "at most so many messages");
  std::vector<std::string> ids;
  bool all = false;
  const auto with_ids = [&](const char* name, const char* help) -> CommandLine& {
    auto& command = app.subcommand(name, help);
    command.option("id", &ids, "queue ids");
    command.flag("--all", all, "every message");
    return command;
  };
  auto& show = with_ids("show", "a message with its headers and what was decided for it");
  struct Change {
    CommandLine& command;
    const char* request;
    const char* done;
  };
  const std::vector<Change> changes{
      {with_ids("hold", "keep from being delivered"), "queue.hold", "held"},
      {with_ids("release", "let a held message go"), "queue.release", "released"},
      {with_ids("retry", "try again now"), "queue.retry", "tried again"},
      {with_ids("requeue", "route again and try now"), "queue.retry", "tried again"},
      {with_ids("bounce", "give up and tell the sender"), "queue.bounce", "returned to its sender"},
      {with_ids("delete", "remove, telling nobody"), "queue.delete", "deleted"},
  };
  if (const auto end = app.parse(argc, argv)) return *end;

  if (list_command.called()) return list(directory, as_json, limit);
  if (ids.empty() && !all) {
    std::fputs("hikyaku queue: name the messages by their ids, or all of them by --all\n", stderr);
    return EX_USAGE;
  }
  json request{{"ids", ids}, {"all", all}};
  if (show.called()) {
    request["command"] = "queue.show";
    return administer(directory, request,
                      [&](const json& row) { as_json ? print_json(row) : print_shown(row); });
  }
  for (const auto& change : changes) {
    if (!change.command.called()) continue;
    request["command"] = change.request;
    return administer(directory, request,
                      [&](const json& row) { as_json ? print_json(row) : print_changed(change.done, row); });
  }
  return EX_USAGE;
}

}  // namespace hikyaku::cmd
