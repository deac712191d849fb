#include "cmd/config_diff.h"

#include <fmt/format.h>
#include <sysexits.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/base64.h"
#include "base/escape.h"
#include "cmd/administer.h"
#include "cmd/command_line.h"
#include "cmd/print_entries.h"
#include "cmd/rehearser.h"
#include "cmd/running_configuration.h"
#include "serve/comparison.h"

namespace hikyaku::cmd {
namespace {

using nlohmann::json;

struct Kept {
  std::string queue_id;
  record::Arrival arrival;
};

/// What the hub of `directory` remembers; EX_OK, or why not.
int read_arrivals(const std::string& directory, std::size_t last, std::vector<Kept>& kept) {
  std::size_t unreadable = 0;
  const auto code = administer(directory, {{"command", "arrivals"}, {"last", last}}, [&](const json& row) {
    const auto stored = base64_decode(row.value("record", std::string()));
    auto arrival =
        stored ? record::decode_arrival(*stored) : Result<record::Arrival>(fail(Fault::corrupt, "no base64"));
    if (!arrival) {
      ++unreadable;
    } else {
      kept.push_back({row.value("queue_id", std::string()), std::move(*arrival)});
    }
  });
  if (unreadable > 0)
    fmt::print(stderr, "hikyaku config diff: {} records can't be read and are left out\n", unreadable);
  return code;
}

/// One line on a terminal that tells how far it is, from the first second on.
class Progress {
 public:
  explicit Progress(std::size_t all) : all_(all) {}
  ~Progress() {
    if (shown_) fmt::print(stderr, "\r\033[K");
  }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void at(std::size_t done) {
    const auto now = std::chrono::steady_clock::now();
    if (!terminal_ || now - last_ < std::chrono::seconds(1)) return;
    last_ = now;
    shown_ = true;
    fmt::print(stderr, "\r\033[K{} of {} messages", done, all_);
    std::fflush(stderr);
  }

 private:
  std::size_t all_;
  bool terminal_ = ::isatty(STDERR_FILENO) == 1;
  bool shown_ = false;
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

/// Where such a message comes in under a configuration: at its port, or, when no smtpd line has that any
/// more, at port 25's line or the first, which `stand_in` tells. Null: there is no smtpd line at all.
const serve::Listener* listener_for(const serve::Running& running, const record::Arrival& arrival,
                                    bool& stand_in) {
  const auto* listener = running.listener(arrival.port);
  stand_in = listener == nullptr;
  return stand_in ? running.listener(0) : listener;
}

json row_of(const Kept& kept, const serve::Comparison& comparison, const SourceCatalogue& before,
            const SourceCatalogue& after, bool old_stand_in, bool new_stand_in) {
  json row{{"queue_id", kept.queue_id},
           {"time", iso_text(kept.arrival.at)},
           {"sender", kept.arrival.sender.text()},
           {"recipients", json::array()},
           {"client", kept.arrival.client.address},
           {"differences", json::array()},
           {"old_rules", json::array()},
           {"new_rules", json::array()}};
  for (const auto& one : kept.arrival.recipients) row["recipients"].push_back(one.text());
  if (kept.arrival.header_cut) row["header_cut"] = true;
  for (const auto& [missing, name] : {std::pair(old_stand_in, "OLD"), std::pair(new_stand_in, "NEW")}) {
    if (missing) row["port_missing"].push_back({{"port", kept.arrival.port}, {"in", name}});
  }
  for (const auto& one : comparison.differences)
    row["differences"].push_back({{"what", one.what}, {"old", one.before}, {"new", one.after}});
  for (const auto& one : comparison.rules) {
    auto entry = entries_json({one.entry}, one.before ? before : after);
    row[one.before ? "old_rules" : "new_rules"].push_back(std::move(entry.front()));
  }
  return row;
}

void print_rules(const json& rules, char sign) {
  for (const auto& rule : rules) {
    const auto text = [&rule](const char* field) { return escaped(rule[field].get<std::string>()); };
    const auto file = text("file");
    fmt::print("    {} {} {} [{}]{}{}\n", sign, text("step"), text("rule"),
               file == "default" ? file : fmt::format("{}:{}", file, rule["line"].get<unsigned>()),
               text("outcome").empty() ? "" : " => ", text("outcome"));
  }
}

void print_for_people(const json& row) {
  std::string to;
  for (const auto& one : row["recipients"]) to += (to.empty() ? "" : ", ") + escaped(one.get<std::string>());
  fmt::print("{}  {}  from <{}> to {}\n", row["queue_id"].get<std::string>(), row["time"].get<std::string>(),
             escaped(row["sender"].get<std::string>()), to);
  const auto quoted = [](const json& value) {
    const auto text = value.get<std::string>();
    return text.empty() ? std::string("(none)") : escaped(text);
  };
  for (const auto& one : row["differences"])
    fmt::print("  {}: {} -> {}\n", escaped(one["what"].get<std::string>()), quoted(one["old"]),
               quoted(one["new"]));
  if (row.contains("header_cut"))
    fmt::print("  only a part of its header was kept (hikyaku_ledger_header_limit)\n");
  for (const auto& one : row.value("port_missing", json::array())) {
    fmt::print("  {} has no smtpd line at port {}: port 25's, or the first, stands for it\n",
               one["in"].get<std::string>(), one["port"].get<unsigned>());
  }
  print_rules(row["old_rules"], '-');
  print_rules(row["new_rules"], '+');
}

}  // namespace

CommandLine& add_config_diff(CommandLine& config, DiffOptions& options) {
  auto& app = config.subcommand(
      "diff",
      "take the last messages of a hub through two configurations and list those whose addresses, headers, "
      "next hops or answers would change, with the rules that do it. -c names the hub, if it is not OLD. "
      "Bodies are not kept: body_checks are not replayed");
  app.option("OLD", &options.before, "a folder of main.cf and master.cf", {.required = true});
  app.option("NEW", &options.after, "another", {.required = true});
  app.option("--last", &options.last, "so many messages, the latest");
  app.flag("--json", options.json, "one JSON object a message");
  app.footer("Ends with 0 when no message would fare otherwise, with 1 when some would.");
  return app;
}

int config_diff(const DiffOptions& options) {
  io::SystemRandom random;
  const auto before = load_configuration(options.before, random, false);
  if (!before.running) return before.exit_code;
  const auto after = load_configuration(options.after, random, false);
  if (!after.running) return after.exit_code;
  std::vector<Kept> kept;
  const int code =
      read_arrivals(options.ledger.empty() ? options.before : options.ledger, options.last, kept);
  if (code != EX_OK) return code;

  for (const auto* side : {&before, &after}) {
    if (side->running->listener(0) != nullptr) continue;
    fmt::print(stderr, "hikyaku config diff: {} has no smtpd line: no mail could come in\n",
               side == &before ? options.before : options.after);
    return EX_CONFIG;
  }
  Rehearser old_way(*before.running);
  Rehearser new_way(*after.running);
  const auto replayed = [](Rehearser& way, const record::Arrival& arrival, bool& stand_in) {
    return way.run(*listener_for(way.running(), arrival, stand_in), serve::replay_of(arrival), arrival.at);
  };
  std::size_t different = 0;
  {
    Progress progress(kept.size());
    for (std::size_t i = 0; i < kept.size(); ++i) {
      progress.at(i);
      bool old_stand_in = false;
      bool new_stand_in = false;
      const auto comparison = serve::compare(replayed(old_way, kept[i].arrival, old_stand_in),
                                             replayed(new_way, kept[i].arrival, new_stand_in));
      if (comparison.differences.empty()) continue;
      ++different;
      const auto row =
          row_of(kept[i], comparison, *before.sources, *after.sources, old_stand_in, new_stand_in);
      if (options.json) {
        print_json(row);
      } else {
        print_for_people(row);
      }
    }
  }
  fmt::print(stderr, "{} of {} messages would fare otherwise\n", different, kept.size());
  return different == 0 ? EX_OK : 1;
}

}  // namespace hikyaku::cmd
