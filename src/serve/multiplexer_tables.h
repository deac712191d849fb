#pragma once
#include <memory>

#include "base/origin.h"
#include "io/system_random.h"
#include "io/table_files.h"

namespace hikyaku::serve {

/// The lookup tables of a multiplexer's configuration, and what they need. It and `catalogue` must outlive
/// them.
struct MultiplexerTables {
  explicit MultiplexerTables(SourceCatalogue& catalogue) : files(catalogue, random) {}
  io::SystemRandom random;
  io::TableFiles files;
};

}  // namespace hikyaku::serve
