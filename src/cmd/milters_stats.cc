#include "cmd/milters_stats.h"

#include <fmt/format.h>
#include <sysexits.h>

#include <nlohmann/json.hpp>

#include "base/escape.h"
#include "cmd/administer.h"
#include "cmd/control_client.h"
#include "cmd/exit_code.h"

namespace hikyaku::cmd {
namespace {

using nlohmann::json;

void print_row(const json& row) {
  if (!row.contains("filter")) {
    fmt::print("sessions {}, open {}; messages {}\n", row["sessions"].get<std::uint64_t>(),
               row["going_on"].get<std::uint64_t>(), row["messages"].get<std::uint64_t>());
    if (const auto dropped = row["verdicts_dropped"].get<std::uint64_t>(); dropped > 0)
      fmt::print("{} lines of verdicts could not be kept\n", dropped);
    return;
  }
  fmt::print("\n{}\n", escaped(row["filter"].get<std::string>()));
  fmt::print("  judged {}, ruled out {}, failed {}; connections {}\n", row["took_part"].get<std::uint64_t>(),
             row["ruled_out"].get<std::uint64_t>(), row["failures"].get<std::uint64_t>(),
             row["connections"].get<std::uint64_t>());
  const auto no_budget = row["no_budget"].get<std::uint64_t>(),
             kept_away = row["kept_away"].get<std::uint64_t>();
  if (no_budget + kept_away > 0)
    fmt::print("  not connected to: {} times for its budget, {} times for its circuit breaker\n", no_budget,
               kept_away);
  if (const auto starts = row["starts"].get<std::uint64_t>(); starts > 0)
    fmt::print("  its command: started {} times, ended {} times\n", starts, row["ends"].get<std::uint64_t>());
  for (const auto& address : row["addresses"])
    fmt::print("  {}: breaker {}, opened {} times\n", escaped(address["address"].get<std::string>()),
               address["breaker"].get<std::string>(), address["openings"].get<std::uint64_t>());
  for (const auto& [stage, wait] : row["waits"].items()) {
    if (wait["count"].get<std::uint64_t>() == 0) continue;
    fmt::print("  {:<15} {:>8} waits, p50 {:.1f} ms, p90 {:.1f} ms, p99 {:.1f} ms\n", stage,
               wait["count"].get<std::uint64_t>(), wait["p50"].get<double>(), wait["p90"].get<double>(),
               wait["p99"].get<double>());
  }
}

}  // namespace

MiltersStats::MiltersStats(CommandLine& app)
    : app_(app.subcommand("stats",
                          "what a running multiplexer has done: sessions, filters, waits, breakers")) {
  source_.add_options(app_);
  app_.option("--control", &control_,
              "its control socket (default: controller.connection_spec of the configuration)");
  app_.flag("--json", as_json_, "one JSON object a line: of all, then of each filter");
  app_.footer(
      "Examples:\n"
      "  hikyaku milters stats -f /etc/milter-manager/milter-manager.conf\n"
      "  hikyaku milters stats --control /run/hikyaku/milters.control --json\n"
      "Percentiles are of histograms: they lie in the right bucket. Ends with 69 when none runs there.");
}

int MiltersStats::run() {
  const auto refuse = [](const Error& error) {
    return tell_error("hikyaku milters stats", {error.fault, escaped(error.text)});
  };
  if (control_.empty()) {
    config::Diagnostics diagnostics;
    SourceCatalogue sources;
    const auto loaded = source_.load(diagnostics, sources);
    if (!loaded) return refuse(loaded.error());
    const auto& controller = loaded->settings.controller.connection;
    if (!controller || controller->value.family != config::ConnectionSpec::Family::local)
      return refuse({Fault::malformed,
                     "the configuration names no control socket (controller.connection_spec = "
                     "\"unix:PATH\"); --control names it"});
    control_ = controller->value.path;
  }
  const auto asked = ask_hub(control_, {{"command", "milters.stats"}}, [this](const json& row) {
    if (as_json_) return print_json(row);
    print_row(row);
  });
  if (!asked) return refuse(asked.error());
  if (*asked) return **asked;
  return refuse({Fault::permanent, "no multiplexer runs at " + control_});
}

}  // namespace hikyaku::cmd
