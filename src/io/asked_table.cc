#include "io/asked_table.h"

#include <utility>

#include "base/escape.h"
#include "io/stable_file.h"
#include "io/thread_confinement.h"
#include "table/fold.h"

namespace hikyaku::io {

Result<AskedTable::Common> AskedTable::common(std::string_view spec, table::SourceSettings& settings,
                                              table::Opener& opener) {
  Common made;
  made.name = spec;
  auto format = table::QueryFormat::parse(settings.text("result_format", "%s"));
  if (!format) return fail(Fault::malformed, "result_format: " + format.error().text);
  made.result = std::move(*format);
  std::vector<table::Element> domains;
  for (auto& one : settings.list("domain")) domains.push_back({std::move(one), settings.origin("domain")});
  auto list = table::StringMatchList::compile(domains, opener);
  if (!list) return fail(list.error().fault, "domain: " + list.error().text);
  made.domains = std::move(*list);
  const auto limit = settings.number("expansion_limit", 0, 0);
  if (!limit) return std::unexpected(limit.error());
  made.expansion_limit = static_cast<std::size_t>(*limit);
  made.origin = settings.origin("query");
  return made;
}

table::Answer AskedTable::find(std::string_view key) const {
  const table::FoldedKey folded(key);
  if (!folded.valid()) return std::optional<table::Found>{};
  const auto text = folded.view();
  if (!common_.domains.empty()) {
    const auto at = text.rfind('@');
    if (at == std::string_view::npos || at == 0) return std::optional<table::Found>{};
    const auto match = common_.domains.match(text.substr(at + 1), nullptr);
    if (!match) return fail(Fault::temporary, common_.name + ": domain: " + match.error().text);
    if (!*match) return std::optional<table::Found>{};
  }
  // Libraries open what they like, when they like.
  auto values = by_asker([&] { return ask(text); });
  if (!values) return fail(Fault::temporary, values.error().text);
  std::string joined;
  std::size_t count = 0;
  for (const auto& value : *values) {
    if (value.empty()) continue;  // as Postfix: an empty value is none
    const auto filled =
        common_.result.fill(value, text, [](std::string_view part) { return std::string(part); });
    if (!filled) continue;
    if (common_.expansion_limit != 0 && ++count > common_.expansion_limit) {
      return fail(Fault::temporary, common_.name + " answers " + escaped(key, 200) + " with more than " +
                                        std::to_string(common_.expansion_limit) +
                                        " values (expansion_limit)");
    }
    if (!joined.empty()) joined += ',';
    joined += *filled;
  }
  if (joined.empty()) return std::optional<table::Found>{};
  return std::optional(table::Found{std::move(joined), common_.origin});
}

Result<table::SourceSettings> read_source_settings(std::string_view path, SourceCatalogue& catalogue) {
  if (!path.starts_with('/')) {
    return fail(Fault::malformed,
                "the settings of such a table stand in a file: write its whole path, not \"" +
                    escaped(path, 200) + "\" (the old form with PREFIX_name in main.cf is not read)");
  }
  auto file = read_stable_file(std::string(path));
  if (!file) return std::unexpected(std::move(file.error()));
  return table::SourceSettings::parse(file->text, catalogue.add(path), catalogue);
}

}  // namespace hikyaku::io
