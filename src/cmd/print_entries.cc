#include "cmd/print_entries.h"

#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>

#include "base/escape.h"

namespace hikyaku::cmd {

nlohmann::json entries_json(const std::vector<Explanation::Entry>& entries, const SourceCatalogue& sources) {
  auto rows = nlohmann::json::array();
  for (const auto& entry : entries) {
    rows.push_back({{"step", entry.step},
                    {"rule", entry.rule},
                    {"file", sources.file(entry.origin)},
                    {"line", entry.origin.line},
                    {"keys", entry.keys},
                    {"failed", entry.failed},
                    {"operand", entry.operand},
                    {"outcome", entry.outcome}});
  }
  return rows;
}

void print_entries(const nlohmann::json& entries) {
  const auto text = [](const nlohmann::json& entry, const char* field) {
    return escaped(entry[field].get<std::string>());
  };
  for (const auto& entry : entries) {
    const auto file = text(entry, "file");
    const auto place = file == "default" ? file : file + ":" + std::to_string(entry["line"].get<unsigned>());
    const auto failed = text(entry, "failed");
    const auto operand = text(entry, "operand");
    std::printf("  %c %-28s %s  [%s]\n", failed.empty() ? '+' : '-', text(entry, "step").c_str(),
                text(entry, "rule").c_str(), place.c_str());
    std::string keys;
    for (const auto& key : entry["keys"])
      keys += (keys.empty() ? "" : ", ") + escaped(key.get<std::string>());
    if (!keys.empty()) std::printf("      keys tried: %s\n", keys.c_str());
    if (!failed.empty())
      std::printf("      did not hold: %s%s%s\n", failed.c_str(), operand.empty() ? "" : "; it was ",
                  operand.c_str());
    if (failed.empty() && !operand.empty()) std::printf("      on: %s\n", operand.c_str());
    if (const auto outcome = text(entry, "outcome"); !outcome.empty())
      std::printf("      => %s\n", outcome.c_str());
  }
}

}  // namespace hikyaku::cmd
