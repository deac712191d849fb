#include "record/mailbox_rows.h"

#include <cstdint>
#include <cstdlib>

#include "base/crc32c.h"
#include "record/envelope.h"

namespace {

using namespace hikyaku::record;

/// The octets in a frame whose checksum matches, so that the fields are reached.
std::string framed(std::string_view octets) {
  std::string out(octets);
  const auto sum = hikyaku::crc32c(out);
  for (unsigned shift = 0; shift < 32; shift += 8) out += static_cast<char>(sum >> shift & 0xff);
  return out;
}

// What decodes must encode to something that decodes to the same.
template <class Decode, class Encode>
void try_one(const std::string& stored, Decode decode, Encode encode_one) {
  const auto once = decode(stored);
  if (!once) return;
  const auto twice = decode(encode_one(*once));
  if (!twice || *twice != *once) std::abort();
}

const auto kEncode = [](const auto& record) { return encode(record); };

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view octets(reinterpret_cast<const char*>(data), size);
  for (const auto& stored : {std::string(octets), framed(octets)}) {
    try_one(stored, decode_message_record, kEncode);
    try_one(stored, decode_mailbox_record, kEncode);
    try_one(stored, decode_removed_message, kEncode);
    try_one(stored, decode_removed_mailbox, kEncode);
    try_one(stored, decode_usage, kEncode);
    try_one(stored, decode_folded_usage, kEncode);
    try_one(stored, decode_quota, kEncode);
    try_one(stored, decode_mailbox_floors, kEncode);
    try_one(stored, decode_moved_account, kEncode);
    try_one(stored, decode_envelope, kEncode);
    try_one(stored, decode_uids, encode_uids);
  }
  try_one(encode(summarize(octets)), decode_envelope, kEncode);
  return 0;
}
