#include "cmd/milters_check.h"

#include <fmt/format.h>
#include <sysexits.h>

#include <algorithm>
#include <csignal>
#include <nlohmann/json.hpp>

#include "base/escape.h"
#include "cmd/administer.h"
#include "cmd/exit_code.h"
#include "serve/session_player.h"
#include "serve/session_recording.h"

namespace hikyaku::cmd {
namespace {

using nlohmann::json;

/// Settings with the place of each, as {"value": …, "where": "FILE:LINE"}.
class Placed {
 public:
  Placed(json& row, const SourceCatalogue& sources) : row_(row), sources_(sources) {}
  template <class T>
  void add(const char* name, const config::Setting<T>& setting) {
    row_[name] = {{"value", shown(setting.value)}, {"where", sources_.text(setting.origin)}};
  }

 private:
  static json shown(const config::ConnectionSpec& spec) { return spec.text(); }
  static json shown(config::FallbackStatus status) { return config::text(status); }
  static json shown(std::chrono::milliseconds time) { return static_cast<double>(time.count()) / 1000; }
  static json shown(const std::vector<std::string>& words) { return words; }
  static json shown(const std::string& text) { return text; }
  static json shown(bool value) { return value; }
  static json shown(std::size_t value) { return value; }
  static json shown(unsigned value) { return value; }

  json& row_;
  const SourceCatalogue& sources_;
};

json global_row(const config::MultiplexerSettings& settings, const SourceCatalogue& sources) {
  json row;
  Placed placed(row, sources);
  placed.add("manager.connection_spec", *settings.manager.connection);
  if (settings.controller.connection)
    placed.add("controller.connection_spec", *settings.controller.connection);
  placed.add("manager.fallback_status", settings.fallback_status);
  placed.add("manager.fallback_status_at_disconnect", settings.fallback_status_at_disconnect);
  placed.add("manager.max_connections", settings.max_connections);
  placed.add("manager.n_workers", settings.n_workers);
  placed.add("manager.pid_file", settings.pid_file);
  placed.add("security.privilege_mode", settings.privilege_mode);
  placed.add("stress.threshold_n_connections", settings.stress_threshold);
  return row;
}

json child_row(const config::ChildSettings& child, const config::MultiplexerSettings& settings,
               const SourceCatalogue& sources) {
  json row;
  Placed placed(row, sources);
  placed.add("connection_spec", child.connection);
  if (child.second_connection) placed.add("second_connection_spec", *child.second_connection);
  placed.add("description", child.description);
  placed.add("enabled", child.enabled);
  placed.add("fallback_status", child.fallback_status);
  placed.add("evaluation_mode", child.evaluation_mode);
  placed.add("connection_timeout", child.connection_timeout);
  placed.add("writing_timeout", child.writing_timeout);
  placed.add("reading_timeout", child.reading_timeout);
  placed.add("end_of_message_timeout", child.end_of_message_timeout);
  placed.add("max_connections", child.max_connections);
  placed.add("breaker_failures", child.breaker_failures);
  placed.add("breaker_time", child.breaker_time);
  placed.add("ignore_added_headers", child.ignore_added_headers);
  placed.add("tell_ahead", child.tell_ahead);
  if (!child.command->empty()) {
    placed.add("command", child.command);
    placed.add("command_options", child.command_options);
    placed.add("user_name", child.user_name);
    placed.add("working_directory", child.working_directory);
  }
  json conditions = json::array();
  for (const auto& one : child.conditions) {
    const auto& condition = settings.conditions.all()[one.number];
    conditions.push_back(
        {{"condition", condition.name},
         {"defined", condition.origin.built_in() ? "built in" : sources.text(condition.origin)},
         {"where", sources.text(one.origin)}});
  }
  return {{"filter", child.name},
          {"defined", sources.text(child.origin)},
          {"settings", row},
          {"conditions", conditions}};
}

/// What it agrees to, when it is spoken to now.
json negotiated(const config::ChildSettings& child) {
  serve::MilterConnection::Settings settings;
  settings.endpoint = serve::endpoint_of(*child.connection);
  settings.connect_timeout = std::chrono::ceil<std::chrono::seconds>(*child.connection_timeout);
  settings.command_timeout = std::chrono::ceil<std::chrono::seconds>(*child.reading_timeout);
  json row;
  serve::play_all({}, settings, 1, 1, [&row](const serve::PlayedSession& played) {
    if (played.end == serve::PlayedSession::End::failed) {
      row = {{"failure", played.failure}};
    } else {
      row = serve::agreement_json(played.agreement);
    }
  });
  return row;
}

std::string shown(const json& value) {
  return escaped(value.is_string() ? value.get<std::string>() : value.dump(), 300);
}

void print_settings(const json& rows) {
  for (const auto& [name, setting] : rows.items())
    fmt::print("  {} = {}  ({})\n", name, shown(setting["value"]), shown(setting["where"]));
}

void print_words(const char* title, const json& words) {
  std::string text;
  for (const auto& one : words) text += (text.empty() ? "" : ", ") + shown(one);
  fmt::print("  {}: {}\n", title, text.empty() ? "nothing" : text);
}

void print_filter(const json& row) {
  fmt::print("filter {}  ({})\n", shown(row["filter"]), shown(row["defined"]));
  print_settings(row["settings"]);
  for (const auto& one : row["conditions"])
    fmt::print("  condition {}, {}  ({})\n", shown(one["condition"]), shown(one["defined"]),
               shown(one["where"]));
  if (!row.contains("negotiated")) return;
  const auto& negotiated = row["negotiated"];
  if (negotiated.contains("failure"))
    return fmt::print("  can't be spoken to: {}\n", shown(negotiated["failure"]));
  fmt::print("  speaks version {}\n", negotiated["version"].get<unsigned>());
  print_words("may", negotiated["actions"]);
  print_words("steps", negotiated["steps"]);
}

}  // namespace

MiltersCheck::MiltersCheck(CommandLine& app)
    : app_(
          app.subcommand("check", "show the multiplexer's configuration, and where each setting came from")) {
  source_.add_options(app_);
  app_.flag("--connect", connect_, "speak to each filter, and show what it wants");
  app_.flag("--json", as_json_, "one JSON object");
  app_.footer(
      "Example: hikyaku milters check -f /etc/milter-manager/milter-manager.conf --connect\n"
      "Errors and warnings go to stderr, with their places. Ends with 0 when it can be used, 78 when not, "
      "69\n"
      "when --connect found a filter that can't be spoken to.");
}

int MiltersCheck::run() {
  std::signal(SIGPIPE, SIG_IGN);
  config::Diagnostics diagnostics;
  SourceCatalogue sources;
  const auto loaded = source_.load(diagnostics, sources);
  std::fputs(config::text(diagnostics, sources).c_str(), stderr);
  if (!loaded)
    return tell_error("hikyaku milters check", {loaded.error().fault, escaped(loaded.error().text)});
  if (diagnostics.failed()) return EX_CONFIG;
  const auto& settings = loaded->settings;
  json row{{"settings", global_row(settings, sources)}, {"filters", json::array()}};
  bool all_speak = true;
  for (const auto& child : settings.children) {
    auto one = child_row(child, settings, sources);
    if (connect_ && *child.enabled) {
      one["negotiated"] = negotiated(child);
      all_speak = all_speak && !one["negotiated"].contains("failure");
    }
    row["filters"].push_back(std::move(one));
  }
  if (as_json_) {
    print_json(row);
  } else {
    fmt::print("multiplexer\n");
    print_settings(row["settings"]);
    for (const auto& one : row["filters"]) print_filter(one);
  }
  return all_speak ? EX_OK : EX_UNAVAILABLE;
}

}  // namespace hikyaku::cmd
