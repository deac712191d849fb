#include "cmd/greylist_state_command.h"

#include <fmt/format.h>
#include <sysexits.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/escape.h"
#include "cmd/administer.h"
#include "cmd/control_client.h"
#include "cmd/exit_code.h"
#include "cmd/running_configuration.h"
#include "config/greylist_conf.h"
#include "io/stable_file.h"
#include "io/system_clock.h"
#include "io/system_random.h"
#include "serve/greylist_administration.h"
#include "serve/greylist_rules.h"

namespace hikyaku::cmd {
namespace {

using nlohmann::json;

std::string shown(const json& value) {
  return escaped(value.is_string() ? value.get<std::string>() : value.dump(), 330);
}

void print_row(const json& row) {
  if (row.contains("top_senders")) {
    fmt::print(
        "{} pending, {} autowhite, {} tarpit, {} records of domains; {} not saved yet; {} octets in memory\n",
        shown(row["pending"]), shown(row["autowhite"]), shown(row["tarpit"]), shown(row["records"]),
        shown(row["unsaved"]), shown(row["memory"]));
    if (row.contains("passing"))
      fmt::print("{} pass until {}\n", shown(row["passing"]["tuples"]), shown(row["passing"]["until"]));
    for (const auto& one : row["top_senders"])
      fmt::print("  {:>8}  {}\n", shown(one["tuples"]), shown(one["sender"]));
  } else if (row.contains("tuples")) {
    fmt::print("{} tuples\n", shown(row["tuples"]));
    for (const auto& note : row["notes"]) fmt::print(stderr, "{}\n", shown(note));
  } else {
    fmt::print("{:<9} {}  {:<15} {} {}  ({} tries, {} passes)\n", shown(row["state"]), shown(row["time"]),
               shown(row.contains("pool") ? row["pool"] : row["client"]), shown(row["sender"]),
               shown(row["recipient"]), shown(row["tries"]), shown(row["passes"]));
  }
}

}  // namespace

CommandLine& GreylistStateCommands::add(CommandLine& app, const char* name, const char* description) {
  auto& made = app.subcommand(name, description);
  made.option("-f,--file", &file_, "greylist.conf");
  made.option("-c,--config", &directory_,
              "the folder of the hub's main.cf: of what hikyaku_greylist in it remembers");
  made.option("--state", &folder_,
              "the folder of what is remembered (default: the file's dumpfile, with .state behind it)");
  made.flag("--json", as_json_, "one JSON object a line");
  commands_.push_back({name, &made});
  return made;
}

GreylistStateCommands::GreylistStateCommands(CommandLine& app) {
  auto& status = add(app, "status", "how many tuples are remembered, and whose");
  status.option("--until", &until_, "how many pass until then, as 2026-11-29T12:05Z");
  status.option("--watch", &watch_, "tell it again each so many seconds, until it is ended");
  const auto choose = [this](CommandLine& made) {
    made.option("--client", &client_, "of this client's address");
    made.option("--from", &sender_, "of this sender");
    made.option("--to", &recipient_, "of this recipient");
  };
  auto& show = add(app, "show", "list tuples: when they pass, or until when");
  choose(show);
  show.option("--of", &state_, "of this state: pending, autowhite, tarpit or record");
  auto& release = add(app, "release", "let pending tuples pass from now on");
  choose(release);
  auto& forget = add(app, "forget", "forget tuples: they are met anew");
  choose(forget);
  forget.option("--of", &state_, "of this state: pending, autowhite, tarpit or record");
  auto& whitelist = add(app, "whitelist", "let a tuple pass that has not been met, or end that tuples pass");
  whitelist.option("action", &action_, "add, or remove (default: add)");
  choose(whitelist);
  whitelist.option("--for", &seconds_, "seconds (default: autowhite of the file)");
  add(app, "import", "read a dump file of milter-greylist")
      .option("dump", &dump_, "the dump file", {.required = true});
  add(app, "export", "write a dump file for milter-greylist")
      .option("dump", &dump_, "the dump file", {.required = true});
}

bool GreylistStateCommands::called() const {
  return std::any_of(commands_.begin(), commands_.end(), [](const auto& one) { return one.app->called(); });
}

GreylistStateCommands::Place GreylistStateCommands::place(const std::string& name) const {
  const auto refused = [&name](const Error& error) {
    return Place{nullptr, {}, tell_error(name, {error.fault, escaped(error.text)})};
  };
  if (!directory_.empty()) {
    io::SystemRandom random;
    const auto loaded = load_configuration(directory_, random, false);
    if (!loaded.running) return {nullptr, {}, loaded.exit_code};
    const auto& rules = loaded.running->greylist.rules;
    if (!rules) return refused({Fault::not_found, directory_ + "/main.cf does not set hikyaku_greylist"});
    return {rules->configuration, loaded.running->files.main.text("hikyaku_greylist_state").text, EX_OK};
  }
  const auto file = io::read_stable_file(file_);
  if (!file) return refused(file.error());
  config::Diagnostics diagnostics;
  SourceCatalogue sources;
  auto read = std::make_shared<const greylist::Configuration>(
      config::read_greylist_conf(file->text, sources.add(file_), diagnostics));
  if (diagnostics.failed()) {
    std::fputs(config::text(diagnostics, sources).c_str(), stderr);
    return {nullptr, {}, EX_CONFIG};
  }
  auto folder = folder_.empty() ? read->dumpfile.value + ".state" : folder_;
  return {std::move(read), std::move(folder), EX_OK};
}

int GreylistStateCommands::run() const {
  const auto command =
      std::find_if(commands_.begin(), commands_.end(), [](const auto& one) { return one.app->called(); });
  const auto name = "hikyaku greylist " + command->name;
  const auto refuse = [&](const Error& error) {
    return tell_error(name, {error.fault, escaped(error.text)});
  };
  if (command->name == "whitelist" && action_ != "add" && action_ != "remove")
    return refuse({Fault::malformed, "whitelist " + action_ + ": add or remove"});
  const auto about = place(name);
  if (!about.configuration) return about.exit_code;
  const auto& configuration = *about.configuration;
  const auto& folder = about.folder;
  const bool removes = command->name == "whitelist" && action_ == "remove";
  json request{{"command", removes ? "greylist.forget" : "greylist." + command->name},
               {"client", client_},
               {"sender", sender_},
               {"recipient", recipient_},
               {"state", removes ? "autowhite" : state_},
               {"until", until_}};
  if (seconds_ != 0) request["seconds"] = seconds_;
  if (!dump_.empty()) request["file"] = std::filesystem::absolute(dump_).string();
  const auto row = [this](const json& one) {
    if (as_json_) {
      print_json(one);
    } else {
      print_row(one);
    }
    std::fflush(stdout);
  };
  for (;;) {
    const auto asked = ask_hub(folder + "/control", request, row);
    if (!asked) return refuse(asked.error());
    if (!*asked) break;
    if (watch_ == 0 || **asked != EX_OK) return **asked;
    std::this_thread::sleep_for(std::chrono::seconds(watch_));
  }
  if (watch_ != 0) return refuse({Fault::permanent, "no filter runs on " + folder});

  io::SystemRandom random;
  const auto now = io::SystemClock().now();
  serve::GreylistState::Options options;
  options.folder = folder;
  options.prefixes = serve::prefixes_of(configuration, {});
  options.table.timeout = configuration.timeout.value;
  options.table.lazyaw = configuration.lazyaw.value;
  std::vector<std::string> notes;
  const auto state = serve::GreylistState::open(options, random, now, notes);
  for (const auto& note : notes) fmt::print(stderr, "{}: {}\n", name, escaped(note));
  if (!state) return refuse(state.error());
  const auto code = serve::answer_greylist(request, **state, configuration, now, row);
  return code ? *code : refuse(code.error());
}

}  // namespace hikyaku::cmd
