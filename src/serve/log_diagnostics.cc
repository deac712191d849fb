#include "serve/log_diagnostics.h"

#include <string>

#include "base/escape.h"

namespace hikyaku::serve {

void log_diagnostics(io::Log& log, std::string_view part, const config::Diagnostics& diagnostics,
                     const SourceCatalogue& sources) {
  for (const auto& one : diagnostics.all()) {
    const auto column = one.column != 0 ? ":" + std::to_string(one.column) : "";
    const auto text = escaped(sources.text(one.where) + column + ": " + one.text);
    if (one.level == config::Diagnostic::Level::error) {
      log.error(part, text);
    } else {
      log.warning(part, text);
    }
  }
}

}  // namespace hikyaku::serve
