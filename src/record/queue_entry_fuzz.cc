#include "record/queue_entry.h"

#include <cstdint>
#include <cstdlib>

#include "base/crc32c.h"

namespace {

/// The octets in a frame whose checksum matches, so that the fields are reached.
std::string framed(std::string_view octets) {
  std::string out = "\x01";
  out += octets;
  const auto sum = hikyaku::crc32c(out);
  for (unsigned shift = 0; shift < 32; shift += 8) out += static_cast<char>(sum >> shift & 0xff);
  return out;
}

}  // namespace

// What decodes must encode to something that decodes to the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view octets(reinterpret_cast<const char*>(data), size);
  for (const auto& stored : {std::string(octets), framed(octets)}) {
    const auto once = hikyaku::record::decode_queue_entry(stored);
    if (!once) continue;
    const auto twice = hikyaku::record::decode_queue_entry(hikyaku::record::encode(*once));
    if (!twice || *twice != *once) std::abort();
  }
  return 0;
}
