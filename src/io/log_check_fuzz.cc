#include "io/log_check.h"

#include <cstdint>
#include <cstdlib>

// What is found intact must be found intact and whole when it stands alone.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using hikyaku::io::LogReport;
  const std::string_view log(reinterpret_cast<const char*>(data), size);
  const auto whole = hikyaku::io::check_log(log);
  if (whole.intact > size) std::abort();
  const auto kept = hikyaku::io::check_log(log.substr(0, whole.intact));
  if (kept.state != LogReport::State::ok || kept.records != whole.records) std::abort();
  return 0;
}
