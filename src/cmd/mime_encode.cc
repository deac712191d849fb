#include "cmd/mime_encode.h"

#include <fmt/format.h>
#include <sysexits.h>

#include <functional>
#include <optional>

#include "base/base64_stream.h"
#include "base/escape.h"
#include "cmd/exit_code.h"
#include "cmd/mime_io.h"
#include "mail/header.h"
#include "mime/encoded_word.h"
#include "mime/quoted_printable.h"
#include "mime/text_encoder.h"

namespace hikyaku::cmd {
namespace {

constexpr std::string_view kName = "hikyaku mime encode";
constexpr std::size_t kHeaders = 16 * 1024 * 1024;  // octets of header fields

Result<mime::Charset> charset_of(const std::string& label) {
  if (const auto charset = mime::charset_by_label(label)) return *charset;
  return fail(Fault::malformed, "nobody knows the charset " + escaped(label));
}

std::string unfolded(std::string_view value) {
  std::string out;
  for (const char c : value)
    if (c != '\r' && c != '\n') out += c;
  while (out.starts_with(' ') || out.starts_with('\t')) out.erase(0, 1);
  return out;
}

int tell_unencodable(const std::vector<std::string>& which) {
  if (which.empty()) return EX_OK;
  std::string all;
  for (const auto& one : which) all += (all.empty() ? "" : ", ") + one;
  fmt::print(stderr, "{}: has no place in that charset, and became \"?\": {}\n", kName, escaped(all));
  return EX_DATAERR;
}

int encode_header(const MimeEncodeOptions& options, StandardOutput& out) {
  mime::HeaderEncoding how;
  if (!options.charset.empty()) {
    const auto charset = charset_of(options.charset);
    if (!charset) return tell_error(kName, charset.error());
    how.charset = *charset;
  }
  if (!options.word.empty())
    how.encoding = options.word == "B" || options.word == "b" ? mime::WordEncoding::b : mime::WordEncoding::q;
  const auto text = read_whole(options.path, kHeaders);
  if (!text) return tell_error(kName, text.error());
  int code = EX_OK;
  mail::HeaderFields fields(*text);
  while (const auto field = fields.next()) {
    // A value without a name is encoded as a Comments field is, and loses the name again.
    constexpr std::string_view kStandIn = "Comments";
    const bool named = !field->name.empty();
    auto encoded = mime::encode_header_field(named ? field->name : kStandIn,
                                             unfolded(named ? field->value : field->text), how);
    if (!encoded) return tell_error(kName, encoded.error());
    if (!named) encoded->text.erase(0, kStandIn.size() + 2);
    if (!options.crlf) std::erase(encoded->text, '\r');
    out.write(encoded->text);
    code = std::max(code, tell_unencodable(encoded->unencodable));
  }
  return code;
}

struct BodyEncoder {
  std::function<void(std::string_view, std::string&)> feed;
  std::function<void(std::string&)> finish;
};

BodyEncoder base64_encoder(const MimeEncodeOptions& options) {
  const auto end = options.crlf ? Base64Format::LineEnd::crlf : Base64Format::LineEnd::lf;
  auto encoder = std::make_shared<Base64Encoder>(Base64Format{.line_length = 76, .line_end = end});
  return {[encoder](std::string_view octets, std::string& to) { encoder->feed(octets, to); },
          [encoder](std::string& to) { encoder->end(to); }};
}

BodyEncoder quoted_printable_encoder(const MimeEncodeOptions& options) {
  using Content = mime::QuotedPrintableEncoder::Content;
  auto encoder = std::make_shared<mime::QuotedPrintableEncoder>(
      options.binary ? Content::binary : Content::text, options.crlf ? "\r\n" : "\n");
  return {[encoder](std::string_view octets, std::string& to) { encoder->feed(octets, to); },
          [encoder](std::string& to) { encoder->finish(to); }};
}

int encode_body(const MimeEncodeOptions& options, StandardOutput& out) {
  if (options.binary && options.encoding == "base64")
    return tell_error(kName, {Fault::malformed, "--binary goes with --encoding quoted-printable"});
  const auto encoder =
      options.encoding == "base64" ? base64_encoder(options) : quoted_printable_encoder(options);
  std::optional<mime::TextEncoder> charset;
  if (!options.charset.empty()) {
    const auto known = charset_of(options.charset);
    if (!known) return tell_error(kName, known.error());
    auto opened = mime::TextEncoder::open(*known);
    if (!opened) return tell_error(kName, opened.error());
    charset = std::move(*opened);
  }
  std::string in_charset, encoded;
  const auto hand_on = [&](std::string_view octets) {
    encoder.feed(octets, encoded);
    out.write(encoded);
    encoded.clear();
    return out.ok();
  };
  const auto read = read_in_pieces(options.path, [&](std::string_view piece) {
    if (!charset) return hand_on(piece);
    charset->feed(piece, in_charset);
    return hand_on(std::exchange(in_charset, {}));
  });
  if (!read) return tell_error(kName, read.error());
  if (charset) {
    charset->finish(in_charset);
    hand_on(in_charset);
  }
  encoder.finish(encoded);
  out.write(encoded);
  return charset ? tell_unencodable(charset->notes().which) : EX_OK;
}

}  // namespace

int mime_encode(const MimeEncodeOptions& options) {
  StandardOutput out;
  const int code = options.header ? encode_header(options, out) : encode_body(options, out);
  return out.flush() ? code : EX_IOERR;
}

}  // namespace hikyaku::cmd
