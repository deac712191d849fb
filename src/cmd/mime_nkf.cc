#include "cmd/mime_nkf.h"

#include <fmt/format.h>
#include <sysexits.h>

#include <optional>

#include "base/base64_stream.h"
#include "base/escape.h"
#include "cmd/exit_code.h"
#include "cmd/mime_io.h"
#include "cmd/mime_notes.h"
#include "mail/header.h"
#include "mime/encoded_word.h"
#include "mime/inline_words.h"
#include "mime/nkf_options.h"
#include "mime/nkf_sample.h"
#include "mime/quoted_printable.h"
#include "mime/text_encoder.h"
#include "mime/transfer_decoder.h"

namespace hikyaku::cmd {
namespace {

using mime::NkfOptions;
using Stream = NkfOptions::Stream;

constexpr std::string_view kName = "hikyaku mime nkf";
constexpr std::size_t kSample = 64 * 1024;

constexpr std::string_view kHelp =
    "usage: hikyaku mime nkf [-jsew] [-JSEW] [-m[BQNS0]] [-M[BQ]] [-xX] [-Z[0-3]] [-h[1-3]] [-L{u,w,m}] "
    "[-f[N[-M]]] [-dcgtub] [FILE]...\n"
    "\n"
    "  -j -s -e -w      write ISO-2022-JP, Shift_JIS, EUC-JP, UTF-8 (without: UTF-8); -w8 -w16[BL][0] "
    "-w32[BL][0]; --oc=NAME\n"
    "  -J -S -E -W      read it; without: guessed; -W16[BL] -W32[BL]; --ic=NAME\n"
    "  -m -mN -mS       decode encoded words in the text (without any -m as well); -m0: don't\n"
    "  -mB -mQ          the input is base64, quoted-printable;  -MB -MQ: the output is to be\n"
    "  -M               write what is not ASCII as encoded words\n"
    "  -x -X            keep half-width kana; make them full-width (without any, too)\n"
    "  -Z[0-3]          full-width letters to ASCII; -h1 -h2 -h3: to hiragana, to katakana, exchanged\n"
    "  -Lu -Lw -Lm      line ends LF, CRLF, CR;  -d: LF;  -c: CRLF\n"
    "  -f[N[-M]] -F     lines of N columns (60) and a margin of M (10), joined; -F: line ends are kept\n"
    "  -g, --guess      tell the charset;  -t: no conversion;  -u: unbuffered;  -b: buffered\n"
    "\n"
    "Unlike nkf's, -MB, -MQ, -mB and -mQ leave octets as they are, unless a charset to write is asked for "
    "and the\n"
    "octets are text; and what is no text is never converted. Other options of nkf are refused by name.\n"
    "Examples:\n"
    "  hikyaku mime nkf -MB 1.zip > 1.b64 && hikyaku mime nkf -mB 1.b64 > 2.zip    2.zip is 1.zip\n"
    "  hikyaku mime nkf -w letter.txt                                             to UTF-8, whatever it is "
    "in\n"
    "  hikyaku mime nkf -jMB letter.txt                                           to ISO-2022-JP, then "
    "base64\n";

/// Words for what is found, as nkf's.
std::string guess_name(const mime::NkfSample& sample) {
  if (!sample.text) return "BINARY";
  const auto& charset = sample.charset;
  switch (charset.kind) {
    case mime::CharsetKind::ascii:
      return "ASCII";
    case mime::CharsetKind::utf_8:
      return "UTF-8";
    case mime::CharsetKind::iso_2022_jp:
      return "ISO-2022-JP";
    case mime::CharsetKind::shift_jis:
      return "Shift_JIS";
    case mime::CharsetKind::euc_jp:
      return "EUC-JP";
    case mime::CharsetKind::other:
      break;
  }
  return std::string(charset.name);
}

/// The last step: octets to base64, to quoted-printable, or as they are.
class EncodedOutput {
 public:
  EncodedOutput(Stream stream, StandardOutput& out) : stream_(stream), out_(out) {}
  void write(std::string_view octets) {
    if (stream_ == Stream::none) return out_.write(octets);
    if (stream_ == Stream::base64) {
      base64_.feed(octets, encoded_);
    } else {
      quoted_.feed(octets, encoded_);
    }
    hand_on();
  }
  void finish() {
    if (stream_ == Stream::base64) base64_.end(encoded_);
    if (stream_ == Stream::quoted_printable) quoted_.finish(encoded_);
    hand_on();
  }

 private:
  void hand_on() {
    out_.write(encoded_);
    encoded_.clear();
  }
  const Stream stream_;
  StandardOutput& out_;
  std::string encoded_;
  Base64Encoder base64_{Base64Format{.line_length = 72}};  // as nkf's
  mime::QuotedPrintableEncoder quoted_{mime::QuotedPrintableEncoder::Content::lf_text, "\n"};
};

/// Lines whose characters beyond ASCII become encoded words (-M).
class WordLines {
 public:
  explicit WordLines(const mime::Charset& charset) : how_{.charset = charset} {}
  void feed(std::string_view utf8, std::string& out) {
    for (const char c : utf8) {
      line_ += c;
      if (c == '\n' || line_.size() >= kSample) line(out);
    }
  }
  void finish(std::string& out) {
    if (!line_.empty()) line(out);
  }

 private:
  void line(std::string& out) {
    auto text = std::exchange(line_, {});
    std::string end;
    while (text.ends_with('\n') || text.ends_with('\r')) {
      end.insert(0, 1, text.back());
      text.pop_back();
    }
    const auto field = mail::read_header(text);
    constexpr std::string_view kStandIn = "Comments";
    const auto name = field ? field->name : kStandIn;
    auto value = field ? field->value : std::string_view(text);
    while (value.starts_with(' ')) value.remove_prefix(1);
    auto encoded = mime::encode_header_field(name, value, how_);
    if (!encoded || value.empty()) {
      out += text + end;
      return;
    }
    std::erase(encoded->text, '\r');
    encoded->text.pop_back();
    if (!field) encoded->text.erase(0, kStandIn.size() + 2);
    out += encoded->text + end;
  }
  const mime::HeaderEncoding how_;
  std::string line_;
};

/// The text between its charset and the one that is asked for.
class TextSteps {
 public:
  TextSteps(const NkfOptions& options, mime::TextDecoder decoder, mime::TextEncoder encoder,
            EncodedOutput& out)
      : options_(options),
        out_(out),
        decoder_(std::move(decoder)),
        forms_(options.forms),
        folder_(options.fold ? std::optional<mime::LineFolder>(std::in_place, *options.fold) : std::nullopt),
        line_ends_(options.line_ends),
        encoder_(std::move(encoder)),
        words_(options.output ? options.output->charset : mime::kUtf8) {}
  void feed(std::string_view octets) {
    decoder_.feed(octets, utf8_);
    from_utf8();
  }
  /// True: nothing was lost.
  bool finish() {
    decoder_.finish(utf8_);
    from_utf8();
    inline_words_.finish(plain_);
    forms_.feed(std::exchange(plain_, {}), formed_);
    forms_.finish(formed_);
    fold();
    if (folder_) folder_->finish(folded_);
    line_ends_.feed(std::exchange(folded_, {}), lines_);
    line_ends_.finish(lines_);
    from_lines();
    if (options_.encode_words) {
      words_.finish(octets_);
    } else {
      encoder_.finish(octets_);
    }
    out_.write(octets_);
    return tell();
  }

 private:
  void from_utf8() {
    const bool decode = options_.words == NkfOptions::Words::decoded && !options_.encode_words;
    if (decode) {
      inline_words_.feed(utf8_, plain_);
    } else {
      plain_ += utf8_;
    }
    utf8_.clear();
    forms_.feed(std::exchange(plain_, {}), formed_);
    fold();
    line_ends_.feed(std::exchange(folded_, {}), lines_);
    from_lines();
  }
  void fold() {
    if (folder_) {
      folder_->feed(formed_, folded_);
    } else {
      folded_ += formed_;
    }
    formed_.clear();
  }
  void from_lines() {
    if (options_.encode_words) {
      words_.feed(lines_, octets_);
    } else {
      encoder_.feed(lines_, octets_);
    }
    lines_.clear();
    out_.write(octets_);
    octets_.clear();
  }
  bool tell() const {
    const auto& read = decoder_.notes();
    const auto& written = encoder_.notes();
    if (read.replaced > 0)
      fmt::print(stderr, "{}: {} places that could not be read, the first at offset {}, became U+FFFD\n",
                 kName, read.replaced, read.first_bad.value_or(0));
    if (written.unencodable > 0) {
      std::string which;
      for (const auto& one : written.which) which += (which.empty() ? "" : ", ") + one;
      fmt::print(stderr, "{}: has no place in that charset, and became \"?\": {}\n", kName, escaped(which));
    }
    return read.replaced == 0 && written.unencodable == 0;
  }

  const NkfOptions& options_;
  EncodedOutput& out_;
  std::string utf8_, plain_, formed_, folded_, lines_, octets_;
  mime::TextDecoder decoder_;
  mime::InlineWords inline_words_;
  mime::JapaneseForms forms_;
  std::optional<mime::LineFolder> folder_;
  mime::LineEnds line_ends_;
  mime::TextEncoder encoder_;
  WordLines words_;
};

/// One run of nkf over all its files, which are read as one.
class Conversion {
 public:
  Conversion(const NkfOptions& options, StandardOutput& out)
      : options_(options), out_(options.encode, out), decoder_(decoder_for(options.decode)) {}
  const std::optional<Error>& fault() const { return fault_; }

  void feed(std::string_view piece) {
    if (options_.no_conversion) return out_.write(piece);
    decoder_->feed(piece, decoded_);
    octets(std::exchange(decoded_, {}));
  }
  /// True: nothing was lost.
  bool finish() {
    if (!options_.no_conversion) {
      decoder_->finish(decoded_);
      octets(std::exchange(decoded_, {}));
      if (!decided_) decide();
    }
    bool whole = steps_ ? steps_->finish() : true;
    out_.finish();
    for (const auto& note : decoder_->notes().all()) {
      fmt::print(stderr, "{}: offset {}: {}\n", kName, note.offset, mime::text(note.fault));
      whole = whole && !loses_content(note.fault);
    }
    return whole;
  }

 private:
  static std::unique_ptr<mime::TransferDecoder> decoder_for(Stream stream) {
    return mime::make_transfer_decoder(stream == Stream::base64 ? mime::TransferEncoding::base64
                                       : stream == Stream::quoted_printable
                                           ? mime::TransferEncoding::quoted_printable
                                           : mime::TransferEncoding::binary);
  }
  void octets(std::string_view octets) {
    if (!decided_) {
      sample_ += octets;
      if (sample_.size() >= kSample) decide();
      return;
    }
    steps_ ? steps_->feed(octets) : out_.write(octets);
  }
  void decide() {
    decided_ = true;
    const bool stream = options_.decode != Stream::none || options_.encode != Stream::none;
    const auto sample = mime::NkfSample::look(sample_, options_.input);
    // docs/mime.md has this rule.
    const bool converted = sample.text && (!stream || options_.output);
    if (!sample.text && options_.output)
      fmt::print(stderr, "{}: the input is no text; its octets stay as they are\n", kName);
    if (converted) {
      start(sample.charset);
    } else {
      out_.write(sample_);
    }
    sample_ = {};
  }
  void start(const mime::Charset& from) {
    auto decoder = mime::TextDecoder::open(from);
    auto to = options_.output ? options_.output->charset : mime::kUtf8;
    if (!options_.forms.widen_kana && to == mime::kIso2022Jp) to = mime::kCp50221;
    auto encoder = mime::TextEncoder::open(to);
    if (!decoder || !encoder) {
      fault_ = decoder ? encoder.error() : decoder.error();
      return;
    }
    if (options_.output) out_.write(options_.output->mark);
    steps_.emplace(options_, std::move(*decoder), std::move(*encoder), out_);
    steps_->feed(mime::without_byte_order_mark(sample_, from));
  }

  const NkfOptions& options_;
  EncodedOutput out_;
  std::unique_ptr<mime::TransferDecoder> decoder_;
  std::optional<TextSteps> steps_;
  std::string decoded_, sample_;
  bool decided_ = false;
  std::optional<Error> fault_;
};

int guess(const NkfOptions& options, const std::vector<std::string>& files) {
  for (const auto& path : files) {
    std::string octets;
    const auto read = read_in_pieces(path, [&](std::string_view piece) {
      octets += piece;
      return octets.size() < kSample;
    });
    if (!read) return tell_error(kName, read.error());
    const auto sample = mime::NkfSample::look(octets, std::nullopt);
    auto line = files.size() > 1 ? escaped(path) + ": " + guess_name(sample) : guess_name(sample);
    if (options.guess == NkfOptions::Guess::charset_and_line_end && sample.text && !sample.line_end.empty())
      line += " (" + std::string(sample.line_end) + ")";
    std::puts(line.c_str());
  }
  return EX_OK;
}

}  // namespace

int mime_nkf(int argc, char** argv) {
  const auto options = NkfOptions::parse({argv + 1, argv + argc});
  if (!options) return tell_error(kName, options.error());
  if (options->help || options->version) {
    std::fwrite(kHelp.data(), 1, kHelp.size(), stdout);
    return EX_OK;
  }
  auto files = options->files;
  if (files.empty()) files.emplace_back();
  if (options->guess != NkfOptions::Guess::no) return guess(*options, files);
  StandardOutput out;
  Conversion conversion(*options, out);
  for (const auto& path : files) {
    const auto read = read_in_pieces(path, [&](std::string_view piece) {
      conversion.feed(piece);
      if (options->unbuffered) out.flush();
      return out.ok() && !conversion.fault();
    });
    if (!read) return tell_error(kName, read.error());
  }
  const bool whole = conversion.finish();
  if (conversion.fault()) return tell_error(kName, *conversion.fault());
  if (!out.flush()) return EX_IOERR;
  return whole ? EX_OK : EX_DATAERR;
}

}  // namespace hikyaku::cmd
