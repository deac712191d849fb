#include <cstdint>
#include <cstdlib>
#include <string>

#include "mime/structure_trace_for_tests.h"

// Any octets in any cuts: what is told is the same, holds every octet in its order, and parts end as they
// began.
namespace {

using namespace hikyaku::mime;

void check(bool holds) {
  if (!holds) std::abort();
}

StructureTrace read(std::string_view message, std::size_t cut, const StructureLimits& limits) {
  StructureTrace trace;
  StructureReader reader(trace, limits);
  for (std::size_t at = 0; at < message.size(); at += cut) reader.feed(message.substr(at, cut));
  reader.finish();
  check(trace.all == message && trace.in_order());
  return trace;
}

std::size_t count(std::string_view text, std::string_view word) {
  std::size_t found = 0;
  for (auto at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) ++found;
  return found;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::string_view message(reinterpret_cast<const char*>(data + 1), size - 1);
  StructureLimits limits;
  if ((data[0] & 0x80) != 0)
    limits = {.depth = 3, .parts = 5, .header = 100, .boundary_line = 30, .all_headers = 200};
  const auto whole = read(message, message.size() + 1, limits);
  check(read(message, 1 + (data[0] & 0x7F), limits).trace == whole.trace);
  check(count(whole.trace, "\nbegin ") + (whole.trace.starts_with("begin ") ? 1 : 0) ==
        count(whole.trace, "\nend "));
  return 0;
}
