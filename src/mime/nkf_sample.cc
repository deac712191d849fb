#include "mime/nkf_sample.h"

#include <algorithm>

#include "mime/charset_guess.h"
#include "mime/text_decoder.h"

namespace hikyaku::mime {
namespace {

using std::operator""sv;

struct Mark {
  std::string_view octets, label;
};
constexpr Mark kMarks[] = {{"\0\0\xfe\xff"sv, "utf-32be"},
                           {"\xff\xfe\0\0"sv, "utf-32le"},
                           {"\xfe\xff"sv, "utf-16be"},
                           {"\xff\xfe"sv, "utf-16le"},
                           {"\xef\xbb\xbf"sv, "utf-8"}};

bool control(char c) {
  const auto octet = static_cast<unsigned char>(c);
  // BS, TAB, LF, VT, FF, CR, SO, SI, ^Z of old systems' ends of files, and ESC.
  constexpr std::uint32_t kAllowed = 1U << 8 | 1U << 9 | 1U << 10 | 1U << 11 | 1U << 12 | 1U << 13 |
                                     1U << 14 | 1U << 15 | 1U << 26 | 1U << 27;
  return octet < 32 && (kAllowed >> octet & 1) == 0;
}

bool wide(const Charset& charset) {
  return charset.name.starts_with("utf-16") || charset.name.starts_with("utf-32");
}

std::string_view line_end_of(std::string_view octets) {
  bool lf = false, crlf = false, cr = false;
  for (std::size_t at = 0; at < octets.size(); ++at) {
    if (octets[at] == '\n') {
      (at > 0 && octets[at - 1] == '\r' ? crlf : lf) = true;
    } else if (octets[at] == '\r' && at + 1 < octets.size() && octets[at + 1] != '\n') {
      cr = true;
    }
  }
  if (lf + crlf + cr > 1) return "MIXED";
  return lf ? "LF" : crlf ? "CRLF" : cr ? "CR" : "";
}

}  // namespace

NkfSample NkfSample::look(std::string_view octets, const std::optional<Charset>& input) {
  NkfSample sample;
  if (input) {
    sample.charset = *input;
  } else {
    const auto mark = std::find_if(std::begin(kMarks), std::end(kMarks),
                                   [&](const Mark& one) { return octets.starts_with(one.octets); });
    const auto marked = mark == std::end(kMarks) ? std::nullopt : charset_by_label(mark->label);
    sample.charset = marked ? *marked : guess_charset(octets).charset;
  }
  sample.line_end = line_end_of(octets);
  if (!wide(sample.charset) && std::any_of(octets.begin(), octets.end(), control)) return sample;
  auto decoder = TextDecoder::open(sample.charset);
  if (!decoder) return sample;
  std::string text;
  decoder->feed(octets, text);
  const bool guessed = !input && sample.charset.kind == CharsetKind::other && !wide(sample.charset);
  // A single-octet charset fits everything: its guess must stand for something.
  sample.text = decoder->notes().replaced == 0 && (!guessed || guess_charset(octets).confidence > 0);
  return sample;
}

std::string_view without_byte_order_mark(std::string_view octets, const Charset& charset) {
  for (const auto& mark : kMarks)
    if (octets.starts_with(mark.octets) && charset.name.starts_with(mark.label.substr(0, 6)))
      return octets.substr(mark.octets.size());
  return octets;
}

}  // namespace hikyaku::mime
