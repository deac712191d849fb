#include "config/retention_settings.h"

#include <vector>

#include "base/escape.h"

namespace hikyaku::config {
namespace {

constexpr const char* kName = "hikyaku_mailbox_expire_maps";
constexpr std::size_t kMostErrors = 20;  // of one table

void check_entries(const table::Table& table, Diagnostics& diagnostics) {
  std::size_t said = 0;
  table.visit([&](const table::Row& row) {
    if (said == kMostErrors || row.value.find('$') != std::string_view::npos) return;
    const auto rule = policy::RetentionRule::parse(row.value);
    if (rule) return;
    ++said;
    diagnostics.error(
        row.origin, std::string(kName) + ": the value of " + escaped(row.key, 200) + ": " + rule.error().text,
        row.key);
  });
}

}  // namespace

policy::RetentionMaps retention_settings(const Main& main, table::Opener& opener,
                                         const std::shared_ptr<const SourceCatalogue>& sources,
                                         Diagnostics& diagnostics) {
  std::vector<table::Element> elements;
  for (const auto& value : main.list("hikyaku_mailbox_expire_maps"))
    elements.push_back({value.text, value.origin});
  auto maps = table::Maps::open(elements, opener);
  if (!maps) {
    diagnostics.error(main.origin(kName), std::string(kName) + ": " + maps.error().text);
    return {};
  }
  for (const auto& table : maps->tables()) check_entries(*table, diagnostics);
  return {std::move(*maps), sources};
}

}  // namespace hikyaku::config
