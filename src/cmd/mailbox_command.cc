#include "cmd/mailbox_command.h"

#include <fmt/format.h>
#include <sysexits.h>

#include <charconv>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/escape.h"
#include "base/time.h"
#include "cmd/administer.h"
#include "cmd/command_line.h"
#include "cmd/configuration_files.h"
#include "cmd/progress.h"

namespace hikyaku::cmd {
namespace {

using nlohmann::json;

std::string text_of(const json& value) {
  return value.is_string() ? escaped(value.get<std::string>()) : value.dump();
}

/// "mailbox joe, messages 3": all that a row tells, in the order that it came.
void print_row(const json& row) {
  std::string line;
  for (const auto& [key, value] : row.items()) {
    if (!line.empty()) line += "  ";
    line += key + " " + text_of(value);
  }
  std::puts(line.c_str());
}

void print_left_out(const json& row) {
  std::fprintf(stderr, "hikyaku mailbox: database %s is left out: %s\n", text_of(row["database"]).c_str(),
               text_of(row["left_out"]).c_str());
}

void print_listed(const json& row) {
  const auto name = text_of(row["mailbox"]);
  const auto database = text_of(row["database"]);
  if (!row["selectable"].get<bool>())
    return (void)std::printf("%8s %8s %12s  %-10s  %s\n", "-", "-", "-", database.c_str(), name.c_str());
  std::printf("%8llu %8llu %12llu  %-10s  %s\n", row["messages"].get<unsigned long long>(),
              row["unseen"].get<unsigned long long>(), row["octets"].get<unsigned long long>(),
              database.c_str(), name.c_str());
}

std::string of_limit(std::int64_t value, std::uint64_t limit) {
  return std::to_string(value) + (limit == 0 ? std::string(", no limit") : " of " + std::to_string(limit));
}

void print_quota(const json& row) {
  std::printf(
      "%s: octets %s; messages %s\n", text_of(row["account"]).c_str(),
      of_limit(row["octets"].get<std::int64_t>(), row["octets_limit"].get<std::uint64_t>()).c_str(),
      of_limit(row["messages"].get<std::int64_t>(), row["messages_limit"].get<std::uint64_t>()).c_str());
}

std::string time_text(const json& seconds) {
  return iso_text(Time(std::chrono::seconds(seconds.get<std::int64_t>())));
}

/// "expire 30d (/Trash, /etc/hikyaku/expire:3)"
std::string rule_text(const json& row, const char* name) {
  if (!row.contains(name)) return "no rule";
  const auto& rule = row[name];
  return text_of(rule["value"]) + " (" + text_of(rule["key"]) + ", " + text_of(rule["place"]) + ")";
}

/// What a rule says of one message, or what it did to a mailbox.
void print_expired(const json& row) {
  const auto mailbox = text_of(row["mailbox"]);
  if (row.contains("error"))
    return (void)fmt::print("{}: nothing is expired: {}\n", mailbox, text_of(row["error"]));
  if (row.contains("uid")) {
    const auto restored =
        row.contains("restored") ? ", restored " + time_text(row["restored"]) : std::string();
    return (void)fmt::print("{} UID {}, received {}{}: {}{}\n", mailbox, row["uid"].get<std::uint64_t>(),
                            time_text(row["received"]), restored,
                            row["expires"].get<bool>() ? "expires by " : "stays: ",
                            row["why"].get<std::string>().empty() ? "no rule" : text_of(row["why"]));
  }
  fmt::print("{}: {} of {} messages {}, {} octets; by {}", mailbox, row["expired"].get<std::uint64_t>(),
             row["messages"].get<std::uint64_t>(), row["dry_run"].get<bool>() ? "would expire" : "expired",
             row["octets"].get<std::uint64_t>(), rule_text(row, "rule"));
  if (row.contains("retain_rule"))
    fmt::print("; what is removed is kept by {}", rule_text(row, "retain_rule"));
  if (row.contains("next_due")) fmt::print("; the next falls due {}", time_text(row["next_due"]));
  if (const auto damaged = row["damaged"].get<std::uint64_t>(); damaged > 0)
    fmt::print("; {} that can't be read stay", damaged);
  fmt::print("\n  keys looked up:");
  for (const auto& key : row["keys"]) fmt::print(" {}", text_of(key));
  fmt::print("\n");
  if (!row.contains("warnings")) return;
  for (const auto& warning : row["warnings"]) fmt::print("  {}\n", text_of(warning));
}

/// "14d", "36h", "90m", "20s", "20": seconds.
std::optional<std::int64_t> age_of(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  constexpr std::int64_t kMost = 1'000'000'000;
  if (error != std::errc{} || value < 0 || value > kMost) return std::nullopt;
  if (unit.empty() || unit == "s") return value;
  if (unit == "m") return value * 60;
  if (unit == "h") return value * 3600;
  if (unit == "d") return value * 86400;
  return std::nullopt;
}

/// The option parser's list of words as UIDs; empty: one of them is none.
std::optional<std::vector<std::uint32_t>> uids_of(const std::vector<std::string>& words) {
  std::vector<std::uint32_t> uids;
  for (const auto& word : words) {
    std::uint32_t uid = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), uid);
    if (error != std::errc{} || end != word.data() + word.size() || uid == 0) return std::nullopt;
    uids.push_back(uid);
  }
  return uids;
}

int usage_error(const char* text) {
  std::fprintf(stderr, "hikyaku mailbox: %s\n", text);
  return EX_USAGE;
}

}  // namespace

int mailbox_command(int argc, char** argv) {
  CommandLine app{
      "hikyaku mailbox",
      "Lists and changes mailboxes; asks the running hub, or the database itself when none runs."};
  std::string directory = kDefaultDirectory;
  bool as_json = false;
  app.config_directory(directory);
  app.flag("--json", as_json, "one JSON object a line");
  app.footer(
      "Mailboxes are called user@domain, and below it user@domain/Archive/2026; those of local users have no "
      "domain.\nExamples:\n  hikyaku mailbox list joe@example.org\n  hikyaku mailbox create "
      "joe@example.org/Archive/2026\n  hikyaku mailbox quota joe@example.org --octets 1000000000\n  hikyaku "
      "mailbox removed joe@example.org\n  hikyaku mailbox restore joe@example.org 17 18\n  hikyaku mailbox "
      "removed; hikyaku mailbox restore --id 12 joe@example.org/Archive\n  hikyaku mailbox purge --older "
      "14d\n  hikyaku mailbox expire joe@example.org/Trash --dry-run --explain\n"
      "Exit code 66: there is no such mailbox or message; 75: a database is not mounted; 78: a rule of "
      "hikyaku_mailbox_expire_maps is bad, and nothing of its mailboxes was removed.");

  std::string account, mailbox, to, octets, messages, older;
  std::vector<std::string> uids;
  std::size_t id = 0;
  bool use_default = false, recount = false, all = false, dry_run = false, explain = false;
  auto& list = app.subcommand("list", "the mailboxes with their messages, unseen ones and octets");
  list.option("account", &account, "of this user alone");
  auto& create = app.subcommand("create", "makes a mailbox, and those above it that are missing");
  create.option("mailbox", &mailbox, "its name", {.required = true});
  auto& rename = app.subcommand("rename", "gives a mailbox, with all below it, another name");
  rename.option("mailbox", &mailbox, "its name", {.required = true});
  rename.option("to", &to, "its new name", {.required = true});
  auto& remove = app.subcommand("delete", "removes a mailbox; it can be restored for a while");
  remove.option("mailbox", &mailbox, "its name", {.required = true});
  auto& quota = app.subcommand("quota", "what a user's mailboxes hold together, and may");
  quota.option("account", &account, "the user", {.required = true});
  quota.option("--octets", &octets, "the new limit of octets; 0: none");
  quota.option("--messages", &messages, "the new limit of messages; 0: none");
  quota.flag("--default", use_default, "no limit of its own, but hikyaku_mailbox_quota");
  quota.flag("--recount", recount, "adds up the messages, and puts the count right");
  auto& removed = app.subcommand("removed", "what can be restored: messages of a mailbox, or mailboxes");
  removed.option("mailbox", &mailbox, "messages removed from it");
  auto& restore =
      app.subcommand("restore", "puts removed messages back under new UIDs, or a removed mailbox");
  restore.option("mailbox", &mailbox, "its name; with --id, the name it gets", {.required = true});
  restore.option("uid", &uids, "UIDs that the messages had");
  restore.flag("--all", all, "all removed messages of the mailbox");
  restore.option("--id", &id, "the removed mailbox, as `removed` numbers it");
  auto& expire = app.subcommand("expire", "removes now what hikyaku_mailbox_expire_maps does not keep");
  expire.option("mailbox", &mailbox, "of this user, or of this mailbox below a user's; else of all");
  expire.flag("--dry-run", dry_run, "removes nothing: tells what would go, and by which rule");
  expire.flag("--explain", explain, "tells of each message which clause removes it, or what keeps it");
  auto& purge = app.subcommand("purge", "takes what was removed and no rule keeps away for good, now");
  purge.option("--older", &older, "what was removed so long ago: 14d, 36h, 90m, 20s", {.required = true});
  if (const auto end = app.parse(argc, argv)) return *end;

  json request;
  void (*print)(const json&) = print_row;
  if (list.called()) {
    request = {{"command", "mailbox.list"}, {"account", account}};
    print = print_listed;
    if (!as_json) std::puts("messages   unseen       octets  database    mailbox");
  } else if (create.called()) {
    request = {{"command", "mailbox.create"}, {"mailbox", mailbox}};
  } else if (rename.called()) {
    request = {{"command", "mailbox.rename"}, {"mailbox", mailbox}, {"to", to}};
  } else if (remove.called()) {
    request = {{"command", "mailbox.delete"}, {"mailbox", mailbox}};
  } else if (quota.called()) {
    request = {{"command", "mailbox.quota"}, {"account", account}};
    for (const auto& [key, text] : {std::pair{"octets", &octets}, std::pair{"messages", &messages}}) {
      if (text->empty()) continue;
      std::uint64_t number = 0;
      const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
      if (error != std::errc{} || end != text->data() + text->size())
        return usage_error("a limit is a number");
      request[key] = number;
    }
    if (use_default) request["default"] = true;
    if (recount) request["recount"] = true;
    print = print_quota;
  } else if (removed.called()) {
    request = {{"command", "mailbox.removed"}, {"mailbox", mailbox}};
  } else if (restore.called()) {
    request = {{"command", "mailbox.restore"}, {"mailbox", mailbox}};
    const auto wanted = uids_of(uids);
    if (!wanted) return usage_error("a UID is a number from 1 on");
    if ((id != 0) + !wanted->empty() + all != 1)
      return usage_error("restore wants the UIDs of messages, or --all of them, or the --id of a mailbox");
    if (id != 0) {
      request = {{"command", "mailbox.restore"}, {"id", id}, {"to", mailbox}};
    } else if (!all) {
      request["uids"] = *wanted;
    }
  } else if (expire.called()) {
    request = {
        {"command", "mailbox.expire"}, {"mailbox", mailbox}, {"dry_run", dry_run}, {"explain", explain}};
    print = print_expired;
  } else {
    const auto age = age_of(older);
    if (!age) return usage_error("--older wants an age: 14d, 36h, 90m, 20s");
    request = {{"command", "mailbox.purge"}, {"older", *age}};
  }
  ProgressLine progress("expiring");
  return administer(directory, request, [&](const json& row) {
    if (row.contains("all"))
      return progress(row["done"].get<std::uint64_t>(), row["all"].get<std::uint64_t>());
    progress.clear();
    if (as_json) return print_json(row);
    row.contains("left_out") ? print_left_out(row) : print(row);
  });
}

}  // namespace hikyaku::cmd
