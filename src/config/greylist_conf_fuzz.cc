#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "config/greylist_conf.h"
#include "greylist/rule_text.h"

// Whatever can be read is told in a form that reads back to the same rules; and all that is said of the text
// can be shown.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hikyaku;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  SourceCatalogue sources;
  config::Diagnostics diagnostics;
  const auto configuration = config::read_greylist_conf(text, sources.add("f"), diagnostics);
  config::text(diagnostics, sources);
  for (const auto& rule : configuration.rules) {
    // A rule that names what is defined elsewhere can't be read alone.
    bool alone = true;
    for (const auto& clause : rule.clauses)
      alone = alone && !std::holds_alternative<greylist::DefinedTest>(clause.test);
    if (!alone) continue;
    const auto told = greylist::text(rule, configuration);
    // Expressions are extended or basic by a setting that the rule does not tell.
    config::Diagnostics again;
    const auto read = config::read_greylist_conf(told, sources.add("g"), again);
    if (again.failed() || read.rules.size() != 1) {
      config::Diagnostics extended;
      const auto with = config::read_greylist_conf("extendedregex\n" + told, sources.add("h"), extended);
      if (extended.failed() || with.rules.size() != 1 || greylist::text(with.rules[0], with) != told)
        std::abort();
    } else if (greylist::text(read.rules[0], read) != told) {
      std::abort();
    }
  }
  return 0;
}
