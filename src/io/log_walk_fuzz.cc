// Any octets are gone through to their end, and what is handed out lies within them, in order.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "io/log_walk.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view log(reinterpret_cast<const char*>(data), size);
  std::uint64_t at = 0;
  hikyaku::io::walk_log(log, {.batch =
                                  [&](const hikyaku::io::LogBatch& batch) {
                                    if (batch.offset < at || batch.end > size) std::abort();
                                    at = batch.end;
                                    (void)hikyaku::io::read_rows(batch.contents, [](const auto&) {});
                                  },
                              .damage =
                                  [&](const hikyaku::io::LogDamage& damage) {
                                    if (damage.offset < at || damage.end > size) std::abort();
                                    at = damage.end;
                                    (void)hikyaku::io::read_rows(damage.remains, [](const auto&) {});
                                  }});
  return 0;
}
