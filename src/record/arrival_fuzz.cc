#include "record/arrival.h"

#include <cstdint>
#include <cstdlib>

#include "base/crc32c.h"

// The octets in a frame whose checksum matches. What decodes must encode to something that decodes to the
// same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string framed = "\x01";
  framed.append(reinterpret_cast<const char*>(data), size);
  const auto sum = hikyaku::crc32c(framed);
  for (unsigned shift = 0; shift < 32; shift += 8) framed += static_cast<char>(sum >> shift & 0xff);
  const auto once = hikyaku::record::decode_arrival(framed);
  if (!once) return 0;
  const auto twice = hikyaku::record::decode_arrival(hikyaku::record::encode(*once));
  if (!twice || *twice != *once) std::abort();
  return 0;
}
