#include "mime/text_decoder.h"

#include <cstdint>
#include <cstdlib>

#include "base/utf8.h"
#include "mime/text_encoder.h"

// In each charset of ours: the text is UTF-8; cut anywhere it is the same; and written anew it reads as the
// same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hikyaku::mime;
  if (size == 0) return 0;
  const std::string_view octets(reinterpret_cast<const char*>(data) + 1, size - 1);
  for (const std::string_view label : {"utf-8", "iso-2022-jp", "iso-2022-jp-ms", "cp50221", "cp50222",
                                       "shift_jis", "euc-jp", "eucjp-ms", "gb18030"}) {
    const auto charset = *charset_by_label(label);
    const auto whole = decode_octets(charset, octets);
    if (!whole || (whole->notes.replaced > 0) != whole->notes.first_bad.has_value()) std::abort();
    if (whole->notes.first_bad.value_or(0) > octets.size()) std::abort();
    for (std::string_view rest = whole->text; !rest.empty();) {
      const auto length = hikyaku::utf8_length(rest);
      if (length == 0) std::abort();
      rest.remove_prefix(length);
    }
    auto decoder = TextDecoder::open(charset);
    std::string text;
    const auto cut = data[0] % (octets.size() + 1);
    decoder->feed(octets.substr(0, cut), text);
    for (const char& c : octets.substr(cut)) decoder->feed({&c, 1}, text);
    decoder->finish(text);
    if (text != whole->text || decoder->notes().replaced != whole->notes.replaced) std::abort();
    const auto encoded = encode_octets(charset, whole->text);
    if (!encoded) std::abort();
    if ((label == "shift_jis" || label == "euc-jp") && whole->notes.replaced == 0 &&
        encoded->notes.unencodable == 0 && decode_octets(charset, encoded->octets)->text != whole->text)
      std::abort();
  }
  return 0;
}
