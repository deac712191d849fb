#include "smtp/data_encoder.h"

#include <cstdint>
#include <cstdlib>
#include <string>

#include "smtp/content_reader.h"

// Whatever goes in, in any cuts, the server's reader takes it for one whole message without a bare line end,
// and the cuts make no difference. The first octet chooses the cut, the second whether lines are broken.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using hikyaku::smtp::ContentReader;
  if (size < 2) return 0;
  const std::size_t cut = data[0] == 0 ? size : data[0];
  const std::size_t limit = data[1] % 2 == 0 ? 0 : 20;
  std::string content(reinterpret_cast<const char*>(data + 2), size - 2);
  std::erase(content, '\0');  // passes the encoder, and is refused by the reader
  const auto encode = [&](std::size_t step) {
    hikyaku::smtp::DataEncoder encoder(limit);
    std::string out;
    const auto sink = [&](std::string_view piece) { out += piece; };
    for (std::size_t at = 0; at < content.size(); at += step)
      encoder.encode(std::string_view(content).substr(at, step), sink);
    encoder.finish(sink);
    return out;
  };
  const auto wire = encode(content.size() + 1);
  if (encode(cut) != wire) std::abort();
  ContentReader reader;
  reader.begin(ContentReader::Form::dotted);
  std::string_view left = wire;
  for (;;) {
    if (left.empty()) std::abort();
    const auto piece = reader.read(left.substr(0, cut));
    left.remove_prefix(piece.consumed);
    if (piece.status == ContentReader::Status::end) break;
    if (piece.status != ContentReader::Status::more) std::abort();
  }
  if (!left.empty()) std::abort();
  return 0;
}
