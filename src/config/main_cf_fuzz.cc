#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "config/main_cf.h"

// What parses prints and parses back to itself; no text brings the reader down.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hikyaku;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  SourceCatalogue sources;
  config::Diagnostics diagnostics;
  const auto main = config::Main::parse(text, "main.cf", sources, diagnostics);
  (void)config::text(diagnostics, sources);
  // The first line keeps a byte order mark in a name from being taken for one of the file.
  std::string printed = "#\n";
  for (const auto& name : main.set_names()) {
    printed += name + " = " + main.written(name)->text() + '\n';
    for (const auto& element : main.list(name)) {
      if (element.text.empty()) std::abort();
    }
  }
  config::Diagnostics again;
  const auto second = config::Main::parse(printed, "printed", sources, again);
  if (second.set_names() != main.set_names()) std::abort();
  for (const auto& name : main.set_names()) {
    if (second.written(name)->text() != main.written(name)->text()) std::abort();
    if (second.text(name).text != main.text(name).text) std::abort();
  }
  return 0;
}
