#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "serve/import_frames.h"

namespace {

using hikyaku::serve::ImportFrame;
using hikyaku::serve::ImportFrames;

std::string frames_of(std::string_view stream, std::size_t size) {
  std::string all;
  ImportFrames frames;
  for (std::size_t at = 0; at < stream.size(); at += size) {
    frames.feed(stream.substr(at, size));
    for (;;) {
      const auto frame = frames.next();
      if (!frame) return all + "fault";
      if (!*frame) break;
      append_frame(all, (*frame)->kind, (*frame)->octets);
    }
  }
  return all;
}

}  // namespace

// Nothing crashes; how the stream is cut makes no difference; what is read is written as it was.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view stream(reinterpret_cast<const char*>(data), size);
  const auto whole = frames_of(stream, size + 1);
  if (frames_of(stream, 3) != whole) std::abort();
  if (!whole.ends_with("fault") && !stream.starts_with(whole)) std::abort();
  if (const auto head = hikyaku::serve::decode_import_head(stream)) {
    const auto again = hikyaku::serve::decode_import_head(encode(*head));
    if (!again || encode(*again) != encode(*head)) std::abort();
  }
  return 0;
}
