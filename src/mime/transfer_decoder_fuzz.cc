#include <cstdint>
#include <cstdlib>
#include <string>

#include "mime/quoted_printable.h"
#include "mime/transfer_decoder.h"

// Any octets in any cuts decode to the same, never to more than came; what we encode comes back.
namespace {

using namespace hikyaku::mime;

void check(bool holds) {
  if (!holds) std::abort();
}

std::string decode(TransferEncoding encoding, std::string_view octets, std::size_t cut) {
  const auto decoder = make_transfer_decoder(encoding);
  std::string out;
  for (std::size_t at = 0; at < octets.size(); at += cut) decoder->feed(octets.substr(at, cut), out);
  decoder->finish(out);
  for (const auto& note : decoder->notes().all()) check(note.count > 0 && note.offset <= octets.size());
  return out;
}

std::string quoted(std::string_view octets, std::size_t cut) {
  QuotedPrintableEncoder encoder(QuotedPrintableEncoder::Content::binary);
  std::string out;
  for (std::size_t at = 0; at < octets.size(); at += cut) encoder.feed(octets.substr(at, cut), out);
  encoder.finish(out);
  std::size_t column = 0;
  for (const char c : out) {
    column = c == '\n' ? 0 : column + 1;
    check(static_cast<unsigned char>(c) < 127 && column <= 77);
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view octets(reinterpret_cast<const char*>(data + 2), size - 2);
  const auto encoding = static_cast<TransferEncoding>(data[0] % 8);
  const std::size_t cut = 1 + data[1];
  const auto whole = decode(encoding, octets, octets.size() + 1);
  check(whole == decode(encoding, octets, cut));
  check(whole.size() <= octets.size() + 2);
  check(decode(TransferEncoding::quoted_printable, quoted(octets, cut), cut) == octets);
  return 0;
}
