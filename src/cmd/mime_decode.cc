#include "cmd/mime_decode.h"

#include <fmt/format.h>
#include <sysexits.h>

#include <optional>

#include "base/escape.h"
#include "cmd/exit_code.h"
#include "cmd/mime_io.h"
#include "cmd/mime_notes.h"
#include "mail/header.h"
#include "mime/body_text.h"
#include "mime/content_reader.h"
#include "mime/encoded_word.h"
#include "mime/line_ends.h"

namespace hikyaku::cmd {
namespace {

constexpr std::string_view kName = "hikyaku mime decode";
constexpr std::size_t kHeaders = 16 * 1024 * 1024;  // octets of header fields alone

/// `part`: empty where there are header fields alone.
void write_header(const std::string& part, const mail::HeaderField& field, StandardOutput& out,
                  MimeNotes& notes) {
  if (field.name.empty()) {
    const auto decoded = mime::decode_header_value(field.text);
    notes.header(part, "a line of the header", decoded.repairs);
    if (!decoded.text.empty()) out.write(decoded.text + "\n");
    return;
  }
  const auto decoded = mime::decode_structured_value(field.value, mime::header_grammar(field.name));
  notes.header(part, field.name, decoded.repairs);
  out.write(std::string(field.name) + ": " + decoded.text + "\n");
}

/// Writes the text of one part: files that stand encoded in it are told and left out.
class TextWriter : private mime::EmbeddedFileListener {
 public:
  TextWriter(StandardOutput& out, MimeNotes& notes, const MimeDecodeOptions& options, std::string label,
             std::string part)
      : out_(out), notes_(notes), options_(options), part_(std::move(part)), decoder_(label), files_(*this) {}
  /// `plain`: files may stand in it.
  void feed(std::string_view octets, bool plain) { plain ? files_.feed(octets) : text(octets); }
  void finish(bool plain) {
    if (plain) files_.finish();
    decoder_.finish(text_);
    hand_on();
    line_ends_.finish(lines_);
    out_.write(lines_);
    notes_.text(part_, decoder_);
  }
  bool ends_in_line_end() const { return ends_in_line_end_; }

 private:
  void text(std::string_view octets) override {
    decoder_.feed(octets, text_);
    hand_on();
  }
  void file_begins(const mime::EmbeddedFile& file) override {
    name_ = file.name;
    if (!options_.binary) return;
    decoder_.settle(text_);
    hand_on();
  }
  void file(std::string_view octets) override {
    if (options_.binary) out_.write(octets);
  }
  void file_ends(std::uint64_t octets, const mime::TransferNotes& notes) override {
    notes_.transfer(part_, notes);
    if (options_.binary) return;
    const auto name = mime::decode_header_value(name_);
    notes_.header(part_, "the name of a file in its text", name.repairs);
    decoder_.insert(fmt::format("[encoded in the text: \"{}\", {} octets]\n", escaped(name.text), octets),
                    text_);
    hand_on();
  }
  void hand_on() {
    if (text_.empty()) return;
    ends_in_line_end_ = text_.ends_with('\n');
    line_ends_.feed(text_, lines_);
    out_.write(lines_);
    lines_.clear();
    text_.clear();
  }

  StandardOutput& out_;
  MimeNotes& notes_;
  const MimeDecodeOptions& options_;
  std::string part_, text_, lines_, name_;
  bool ends_in_line_end_ = true;
  mime::LineEnds line_ends_{mime::LineEnds::Form::lf};
  mime::BodyTextDecoder decoder_;
  mime::EmbeddedFileReader files_;
};

/// Writes a message as text for people, or one part of it.
class MessageWriter : public mime::ContentListener {
 public:
  MessageWriter(StandardOutput& out, MimeNotes& notes, const MimeDecodeOptions& options)
      : out_(out), notes_(notes), options_(options) {}
  bool found() const { return found_; }

  void part_begins(const mime::Part& part, const mime::PartFacts& facts) override {
    wanted_ = options_.part.empty() || options_.part == part.number;
    const bool of_message = part.depth == 0 || above_is_message_;
    above_is_message_ = part.kind == mime::Part::Kind::message;
    if (options_.part.empty()) write_headers(part, of_message);
    if (!wanted_ || part.kind != mime::Part::Kind::leaf) return;
    found_ = true;
    if (options_.part.empty()) notes_.header(part.number, MimeNotes::kParameters, facts.repairs);
    name_ = facts.name;
    plain_ = part.type == "text/plain";
    text_part_ = facts.text;
    if (options_.raw) return;
    if (facts.text || (!options_.part.empty() && part.type.starts_with("text/")))
      text_.emplace(out_, notes_, options_, facts.charset, part.number);
  }
  void content(const mime::Part&, std::string_view octets) override {
    if (text_) {
      text_->feed(octets, plain_);
    } else if (wanted_ && (options_.binary || text_part_ || !options_.part.empty())) {
      out_.write(octets);
    }
  }
  void part_ends(const mime::Part& part, const mime::PartResult& result) override {
    above_is_message_ = false;
    if (part.kind != mime::Part::Kind::leaf || (!options_.part.empty() && options_.part != part.number))
      return;
    notes_.transfer(part.number, result.notes);
    if (text_) {
      text_->finish(plain_);
      if (options_.part.empty() && !text_->ends_in_line_end()) out_.write("\n");
      text_.reset();
    } else if (options_.part.empty() && !options_.binary && !text_part_) {
      const auto name = name_.empty() ? std::string() : ", \"" + escaped(name_) + "\"";
      out_.write(
          fmt::format("[part {}: {}{}, {} octets]\n", part.number, escaped(part.type), name, result.decoded));
    }
  }
  void problem(const mime::StructureProblem& problem) override { notes_.problem(problem); }

 private:
  void write_headers(const mime::Part& part, bool of_message) {
    if (!of_message) {
      if (part.kind != mime::Part::Kind::multipart) out_.write("\n");
      return;
    }
    mail::HeaderFields fields(part.header);
    while (const auto field = fields.next()) write_header(part.number, *field, out_, notes_);
    if (part.kind != mime::Part::Kind::multipart) out_.write("\n");
  }

  StandardOutput& out_;
  MimeNotes& notes_;
  const MimeDecodeOptions& options_;
  std::optional<TextWriter> text_;
  std::string name_;
  bool wanted_ = false, found_ = false, plain_ = false, text_part_ = false, above_is_message_ = false;
};

int decode_header(const MimeDecodeOptions& options, StandardOutput& out, MimeNotes& notes) {
  const auto text = read_whole(options.path, kHeaders);
  if (!text) return tell_error(kName, text.error());
  // Lines that begin with a blank go on with the line before; what is no "Name: value" is a value alone.
  mail::HeaderFields fields(*text);
  while (const auto field = fields.next()) write_header({}, *field, out, notes);
  return EX_OK;
}

int decode_body(const MimeDecodeOptions& options, StandardOutput& out, MimeNotes& notes) {
  const auto encoding = mime::transfer_encoding(options.encoding.empty() ? "8bit" : options.encoding);
  const auto decoder = mime::make_transfer_decoder(encoding);
  TextWriter text(out, notes, options, options.charset, "1");
  std::string decoded;
  const auto hand_on = [&] {
    if (options.raw) {
      out.write(decoded);
    } else {
      text.feed(decoded, false);
    }
    decoded.clear();
  };
  const auto read = read_in_pieces(options.path, [&](std::string_view piece) {
    decoder->feed(piece, decoded);
    hand_on();
    return out.ok();
  });
  if (!read) return tell_error(kName, read.error());
  decoder->finish(decoded);
  hand_on();
  text.finish(false);
  notes.transfer("1", decoder->notes());
  return EX_OK;
}

int decode_message(const MimeDecodeOptions& options, StandardOutput& out, MimeNotes& notes) {
  MessageWriter writer(out, notes, options);
  mime::ContentReader reader(writer, {.open_messages = !options.messages});
  const auto read = read_in_pieces(options.path, [&](std::string_view piece) {
    reader.feed(piece);
    return out.ok();
  });
  if (!read) return tell_error(kName, read.error());
  reader.finish();
  if (writer.found() || options.part.empty()) return EX_OK;
  return tell_error(kName, {Fault::not_found, "there is no part " + escaped(options.part) +
                                                  " that is content; hikyaku mime show lists them"});
}

}  // namespace

int mime_decode(const MimeDecodeOptions& options) {
  StandardOutput out;
  MimeNotes notes(options.quiet ? MimeNotes::Told::nothing : MimeNotes::Told::all);
  int code = EX_OK;
  if (options.header) {
    code = decode_header(options, out, notes);
  } else if (options.body || !options.encoding.empty()) {
    code = decode_body(options, out, notes);
  } else {
    code = decode_message(options, out, notes);
  }
  if (!out.flush()) return EX_IOERR;
  return code == EX_OK && notes.lost() ? EX_DATAERR : code;
}

}  // namespace hikyaku::cmd
