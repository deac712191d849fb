#include "cmd/config_command.h"

#include <fmt/format.h>
#include <sysexits.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cmd/command_line.h"
#include "cmd/config_diff.h"
#include "cmd/configuration_check.h"
#include "cmd/configuration_files.h"
#include "cmd/control_client.h"
#include "config/parameters.h"
#include "io/confinement.h"
#include "serve/databases.h"

namespace hikyaku::cmd {
namespace {

using Json = nlohmann::ordered_json;

int exit_code(const Error& error) { return error.fault == Fault::not_found ? EX_NOINPUT : EX_IOERR; }

/// File names and values need not be UTF-8; what is not becomes a replacement mark.
std::string dumped(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n';
}

void print(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }

int check(const std::string& directory, bool json) {
  const auto texts = read_configuration(directory);
  if (!texts) {
    fmt::print(stderr, "hikyaku config check: {}\n", texts.error().text);
    return exit_code(texts.error());
  }
  const auto checked = check_configuration(*texts, directory);
  print(checked, directory, json);
  return checked.failed ? EX_CONFIG : EX_OK;
}

struct ShowOptions {
  std::string directory = kDefaultDirectory;
  std::string service;
  std::vector<std::string> names;
  bool json = false;
  bool all = false;
  bool confinement = false;
};

/// A table that holds its contents in main.cf itself would show them: passwords stay hidden.
std::string shown_value(const std::string& name, const std::string& value) {
  const bool secret = name.contains("password") && (value.contains("static:") || value.contains("inline:"));
  return secret ? "(hidden)" : value;
}

void show_one(const config::Main& main, const std::string& name, bool json, const SourceCatalogue& sources) {
  const auto* value = main.find(name);
  const auto where = value->origin;
  const auto text = shown_value(name, value->text);
  if (json) {
    Json line{{"name", name}, {"value", text}, {"set", main.is_set(name)}};
    if (!where.built_in()) {
      line["file"] = sources.file(where);
      line["line"] = where.line;
    }
    print(dumped(line));
    return;
  }
  print(fmt::format("{} ={}{}  # {}\n", name, text.empty() ? "" : " ", text, sources.text(where)));
}

/// "submission", "submission/inet" as postconf -M writes it.
const config::Service* find_service(const config::Master& master, const std::string& wanted) {
  const auto slash = wanted.find('/');
  const auto& services = master.services();
  const auto found = std::ranges::find_if(services, [&](const config::Service& service) {
    return service.name == wanted.substr(0, slash) &&
           (slash == std::string::npos || config::text(service.kind) == wanted.substr(slash + 1));
  });
  return found == services.end() ? nullptr : &*found;
}

std::vector<std::string> names_to_show(const config::Main& main, const ShowOptions& options) {
  if (!options.names.empty()) return options.names;
  auto names = main.set_names();
  if (options.all) {
    for (const auto& parameter : config::parameters()) names.emplace_back(parameter.name);
    std::ranges::sort(names);
    const auto rest = std::ranges::unique(names);
    names.erase(rest.begin(), rest.end());
  }
  return names;
}

/// The files, with what is wrong in them on stderr.
struct Read {
  SourceCatalogue sources;
  config::Diagnostics diagnostics;
  config::Files files;
  explicit Read(const config::FileTexts& texts, const std::string& directory)
      : files(config::read_files(texts, system_facts(directory), sources, diagnostics)) {
    for (const auto& diagnostic : diagnostics.all()) {
      if (diagnostic.level == config::Diagnostic::Level::error)
        fmt::print(stderr, "{}", config::text(diagnostic, sources));
    }
  }
};

/// What the hub that runs can't do any more; without one, what the kernel has for it.
int show_confinement(const ShowOptions& options) {
  const auto texts = read_configuration(options.directory);
  if (!texts) {
    fmt::print(stderr, "hikyaku config show: {}\n", texts.error().text);
    return exit_code(texts.error());
  }
  const Read read(*texts, options.directory);
  const auto tell_running = [&](const nlohmann::json& told) {
    auto row = told;
    row["running"] = true;
    print(options.json ? dumped(row)
                       : fmt::format("the hub: {}\nthreads of connections: {}\n", told.value("text", ""),
                                     told.value("threads", "")));
  };
  const auto asked = ask_hub(serve::control_path(read.files.main.text("queue_directory").text),
                             {{"command", "confinement"}}, tell_running);
  if (!asked) {
    fmt::print(stderr, "hikyaku config show: {}\n", asked.error().text);
    return EX_UNAVAILABLE;
  }
  if (*asked) return **asked;
  const auto possible = io::possible_confinement();
  const auto text = fmt::format(
      "no hub is running here; the kernel has {}, and {}",
      possible.landlock > 0 ? fmt::format("Landlock {}", possible.landlock) : std::string("no Landlock"),
      possible.refused_calls > 0 ? "seccomp" : "no seccomp");
  print(options.json ? dumped({{"running", false}, {"confined", false}, {"text", text}}) : text + '\n');
  return EX_OK;
}

int show(const ShowOptions& options) {
  const auto texts = read_configuration(options.directory);
  if (!texts) {
    fmt::print(stderr, "hikyaku config show: {}\n", texts.error().text);
    return exit_code(texts.error());
  }
  const Read read(*texts, options.directory);
  const auto* main = &read.files.main;
  if (!options.service.empty()) {
    const auto* service = find_service(read.files.master, options.service);
    if (service == nullptr) {
      fmt::print(stderr, "hikyaku config show: there is no service {} in {}\n", options.service,
                 texts->master_name);
      return EX_DATAERR;
    }
    main = &read.files.view(*service);
  }
  int result = read.diagnostics.failed() ? EX_CONFIG : EX_OK;
  for (const auto& name : names_to_show(*main, options)) {
    if (main->find(name) == nullptr) {
      fmt::print(stderr, "hikyaku config show: there is no parameter {}\n", name);
      result = EX_DATAERR;
      continue;
    }
    show_one(*main, name, options.json, read.sources);
  }
  return result;
}

}  // namespace

int config_command(int argc, char** argv) {
  CommandLine app{"hikyaku config", "Checks and shows main.cf and master.cf. Nothing is changed."};
  app.footer(
      "Examples:\n"
      "  hikyaku config check -c /etc/postfix\n"
      "  hikyaku config show relayhost mynetworks\n"
      "  hikyaku config show --service submission --all --json\n"
      "  hikyaku config diff /etc/postfix /root/new-postfix --last 1000\n"
      "check ends with 0 if the hub would start on it, with 78 if it would not.");
  ShowOptions options;
  app.config_directory(options.directory);
  auto& check_app = app.subcommand("check", "read the configuration and tell all that is wrong in it");
  auto& show_app =
      app.subcommand("show", "print the values that are set, with all $name put in, and their lines");
  DiffOptions diff_options;
  auto& diff_app = add_config_diff(app, diff_options);
  for (auto* sub : {&check_app, &show_app}) {
    sub->flag("--json", options.json, "one JSON object a line");
  }
  show_app.flag("--all", options.all, "also the parameters that are not set, with their defaults");
  show_app.flag("--confinement", options.confinement,
                "instead what the hub that runs here can't do any more, by hikyaku_confinement");
  show_app.option("--service", &options.service, "as this service of master.cf sees them: NAME or NAME/TYPE");
  show_app.option("NAME", &options.names, "only these parameters");
  if (const auto end = app.parse(argc, argv)) return *end;
  if (app.given("--config")) diff_options.ledger = options.directory;
  if (diff_app.called()) return config_diff(diff_options);
  if (options.confinement && (options.all || !options.service.empty() || !options.names.empty())) {
    fmt::print(
        stderr,
        "hikyaku config show: --confinement is about the whole hub: no parameter has a use beside it\n");
    return EX_USAGE;
  }
  if (options.confinement) return show_confinement(options);
  return check_app.called() ? check(options.directory, options.json) : show(options);
}

}  // namespace hikyaku::cmd
