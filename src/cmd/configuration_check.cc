#include "cmd/configuration_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <numeric>
#include <tuple>

#include "cmd/configuration_files.h"
#include "io/system_random.h"
#include "serve/milter_review.h"
#include "serve/review.h"
#include "serve/running.h"

namespace hikyaku::cmd {
namespace {

using Json = nlohmann::ordered_json;

Json as_json(const config::Diagnostic& diagnostic, const SourceCatalogue& sources) {
  Json json{{"level", config::text(diagnostic.level)}, {"text", diagnostic.text}};
  if (!diagnostic.where.built_in()) {
    json["file"] = sources.file(diagnostic.where);
    json["line"] = diagnostic.where.line;
    if (diagnostic.column > 0) json["column"] = diagnostic.column;
  }
  return json;
}

std::string counted(std::size_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

/// In the order of the files' lines; what is said of one place in the order in which it was found.
std::vector<config::Diagnostic> by_place(const std::vector<config::Diagnostic>& all) {
  std::vector<std::size_t> order(all.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&](std::size_t at) {
    return std::tuple(all[at].where.file, all[at].where.line, all[at].column, at);
  });
  std::vector<config::Diagnostic> sorted;
  for (const auto at : order) sorted.push_back(all[at]);
  return sorted;
}

void put(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }

}  // namespace

ConfigurationCheck check_configuration(const config::FileTexts& texts, const std::string& directory) {
  ConfigurationCheck check{.sources = std::make_shared<SourceCatalogue>(), .all = {}};
  config::Diagnostics diagnostics;
  io::SystemRandom random;
  const auto running = serve::compile(texts, system_facts(directory), check.sources, random, diagnostics);
  if (running) {
    serve::review(*running, diagnostics);
    serve::review_milters(*running, diagnostics);
  }
  check.all = by_place(diagnostics.all());
  check.failed = diagnostics.failed();
  return check;
}

void print(const ConfigurationCheck& check, const std::string& directory, bool json) {
  using Level = config::Diagnostic::Level;
  for (const auto& diagnostic : check.all) {
    // File names and values need not be UTF-8; what is not becomes a replacement mark.
    put(json ? as_json(diagnostic, *check.sources).dump(-1, ' ', false, Json::error_handler_t::replace) + '\n'
             : config::text(diagnostic, *check.sources));
  }
  if (json) return;
  const auto number = [&](Level level) {
    return static_cast<std::size_t>(std::ranges::count(check.all, level, &config::Diagnostic::level));
  };
  put(fmt::format("{}: {}, {}\n", directory, counted(number(Level::error), "error"),
                  counted(number(Level::warning), "warning")));
}

}  // namespace hikyaku::cmd
