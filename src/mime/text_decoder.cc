#include "mime/text_decoder.h"

#include <utility>

#include "mime/text_reader.h"
#include "mime/unicode.h"

namespace hikyaku::mime {

void TextDecoder::Reader::feed(std::string_view octets, bool last, std::string& out) {
  if (!held_.empty()) {
    held_ += octets;
    octets = held_;
  }
  const auto taken = read(octets, last, out);
  position_ += taken;
  held_ = std::string(octets.substr(taken));
}

void TextDecoder::Reader::put_replacement(std::size_t at, std::string& out) {
  put_utf8(out, kReplacement);
  ++notes_.replaced;
  if (!notes_.first_bad) notes_.first_bad = position_ + at;
}

TextDecoder::TextDecoder(std::unique_ptr<Reader> reader) : reader_(std::move(reader)) {}
TextDecoder::TextDecoder(TextDecoder&&) noexcept = default;
TextDecoder& TextDecoder::operator=(TextDecoder&&) noexcept = default;
TextDecoder::~TextDecoder() = default;

Result<TextDecoder> TextDecoder::open(const Charset& charset) {
  if (charset.kind == CharsetKind::ascii || charset.kind == CharsetKind::utf_8)
    return TextDecoder(make_utf8_reader(charset.kind == CharsetKind::ascii));
  if (charset.kind == CharsetKind::other) {
    auto iconv = IconvHandle::open("UTF-8", std::string(charset.converter));
    if (!iconv) return fail(Fault::not_found, "this system's iconv can't read " + std::string(charset.name));
    return TextDecoder(make_iconv_reader(std::move(*iconv)));
  }
  const auto cells = JapaneseCells::get();
  if (!cells) return std::unexpected(cells.error());
  if (charset.kind == CharsetKind::shift_jis) return TextDecoder(make_shift_jis_reader(**cells));
  if (charset.kind == CharsetKind::euc_jp) return TextDecoder(make_euc_jp_reader(**cells, charset.form));
  return TextDecoder(make_iso_2022_jp_reader(**cells));
}

void TextDecoder::feed(std::string_view octets, std::string& out) {
  if (!octets.empty()) reader_->feed(octets, false, out);
}
void TextDecoder::finish(std::string& out) {
  reader_->feed({}, true, out);
  reader_->reset(out);
}
const DecodeNotes& TextDecoder::notes() const { return reader_->notes(); }

Result<DecodedOctets> decode_octets(const Charset& charset, std::string_view octets) {
  auto decoder = TextDecoder::open(charset);
  if (!decoder) return std::unexpected(decoder.error());
  DecodedOctets decoded;
  decoder->feed(octets, decoded.text);
  decoder->finish(decoded.text);
  decoded.notes = decoder->notes();
  return decoded;
}

}  // namespace hikyaku::mime
