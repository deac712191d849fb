#include "config/multiplexer_parameters.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

// A main.cf of any kind gives settings or faults: each child's socket prints and parses back to itself, and
// its conditions are there.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hikyaku;
  SourceCatalogue sources;
  config::Diagnostics diagnostics;
  const auto main =
      config::Main::parse({reinterpret_cast<const char*>(data), size}, "main.cf", sources, diagnostics);
  const auto settings = config::multiplexer_settings(main, diagnostics);
  for (const auto& child : settings.children) {
    const auto again = config::ConnectionSpec::parse(child.connection->text());
    if (!again || *again != *child.connection) std::abort();
    for (const auto use : child.uses())
      if (use >= settings.conditions.all().size()) std::abort();
  }
  (void)config::text(diagnostics, sources);
  return 0;
}
