#include "mime/text_encoder.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

#include "base/utf8.h"
#include "mime/text_writer.h"
#include "mime/unicode.h"

namespace hikyaku::mime {
namespace {

constexpr std::size_t kNamed = 16;

std::string named(std::string_view octets, bool is_character) {
  std::array<char, 24> code;
  auto rest = octets;
  if (!is_character) {
    std::snprintf(code.data(), code.size(), "octet %02x",
                  static_cast<unsigned>(static_cast<unsigned char>(octets[0])));
    return code.data();
  }
  std::snprintf(code.data(), code.size(), "U+%04X ", static_cast<unsigned>(take_utf8(rest)));
  return code.data() + std::string(octets);
}

}  // namespace

void TextEncoder::Writer::feed(std::string_view utf8, bool last, std::string& out) {
  if (!held_.empty()) {
    held_ += utf8;
    utf8 = held_;
  }
  const auto end = utf8.size() - (last ? 0 : utf8_begun(utf8));
  const std::string kept(utf8.substr(end));
  auto rest = utf8.substr(0, end);
  while (!rest.empty()) {
    if (const auto run = put_run(rest, out); run > 0) {
      position_ += run;
      rest.remove_prefix(run);
      continue;
    }
    const auto length = utf8_length(rest);
    auto after = rest;
    if (length == 0) {
      unencodable(rest, false, out);
      after.remove_prefix(1);
    } else if (!put(take_utf8(after), out)) {
      unencodable(rest.substr(0, length), true, out);
    }
    position_ += rest.size() - after.size();
    rest = after;
  }
  held_ = kept;
}

void TextEncoder::Writer::unencodable(std::string_view octets, bool is_character, std::string& out) {
  ++notes_.unencodable;
  if (!notes_.first) notes_.first = position_;
  put('?', out);
  if (notes_.which.size() >= kNamed) return;
  auto name = named(octets, is_character);
  if (std::find(notes_.which.begin(), notes_.which.end(), name) == notes_.which.end())
    notes_.which.push_back(std::move(name));
}

TextEncoder::TextEncoder(std::unique_ptr<Writer> writer) : writer_(std::move(writer)) {}
TextEncoder::TextEncoder(TextEncoder&&) noexcept = default;
TextEncoder& TextEncoder::operator=(TextEncoder&&) noexcept = default;
TextEncoder::~TextEncoder() = default;

Result<TextEncoder> TextEncoder::open(const Charset& charset) {
  if (charset.kind == CharsetKind::ascii || charset.kind == CharsetKind::utf_8)
    return TextEncoder(make_utf8_writer(charset.kind == CharsetKind::ascii));
  if (charset.kind == CharsetKind::other || charset.form == JapaneseForm::jis_x_0213) {
    auto iconv = IconvHandle::open(std::string(charset.converter), "UTF-8");
    if (!iconv) return fail(Fault::not_found, "this system's iconv can't write " + std::string(charset.name));
    return TextEncoder(make_iconv_writer(std::move(*iconv)));
  }
  const auto cells = JapaneseCells::get();
  if (!cells) return std::unexpected(cells.error());
  if (charset.kind == CharsetKind::shift_jis) return TextEncoder(make_shift_jis_writer(**cells));
  if (charset.kind == CharsetKind::euc_jp) return TextEncoder(make_euc_jp_writer(**cells, charset.form));
  return TextEncoder(make_iso_2022_jp_writer(**cells, charset.form));
}

void TextEncoder::feed(std::string_view utf8, std::string& out) { writer_->feed(utf8, false, out); }
void TextEncoder::finish(std::string& out) {
  writer_->feed({}, true, out);
  writer_->finish(out);
}
const EncodeNotes& TextEncoder::notes() const { return writer_->notes(); }

Result<EncodedOctets> encode_octets(const Charset& charset, std::string_view utf8) {
  auto encoder = TextEncoder::open(charset);
  if (!encoder) return std::unexpected(encoder.error());
  EncodedOctets encoded;
  encoder->feed(utf8, encoded.octets);
  encoder->finish(encoded.octets);
  encoded.notes = encoder->notes();
  return encoded;
}

}  // namespace hikyaku::mime
