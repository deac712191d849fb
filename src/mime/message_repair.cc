#include "mime/message_repair.h"

#include "mime/header_doctor.h"
#include "mime/header_edit.h"
#include "mime/line_text.h"

namespace hikyaku::mime {
namespace {

constexpr std::size_t kLine = 76;
const PartRepair kNothing;

}  // namespace

const PartRepair& MessageRepairer::repair_of(const Part& part) const {
  const auto found = repair_.parts.find(part.number);
  return found == repair_.parts.end() ? kNothing : found->second;
}

std::string MessageRepairer::header_of(const Part& part) const {
  const auto& repair = repair_of(part);
  auto header = examine_header(part.header).repaired;
  constexpr std::string_view kEnd = "\r\n";
  if (!repair.charset.empty())
    header = with_field(header, "Content-Type", content_type_with(header, "charset", repair.charset), kEnd);
  if (!repair.boundary.empty())
    header = with_field(header, "Content-Type", content_type_with(header, "boundary", repair.boundary), kEnd);
  static constexpr std::string_view kEncodings[] = {"", "8bit", "base64", "quoted-printable"};
  const auto encoding = kEncodings[static_cast<std::size_t>(repair.body)];
  if (!encoding.empty())
    header = with_field(header, "Content-Transfer-Encoding",
                        "Content-Transfer-Encoding: " + std::string(encoding), kEnd);
  const bool changed = !repair.charset.empty() || !encoding.empty();
  // Labels mean nothing without it (RFC 2045 s. 4).
  if (changed && part.depth == 0) header = with_field(header, "MIME-Version", "MIME-Version: 1.0", kEnd);
  if (repair_.lf) std::erase(header, '\r');
  return header;
}

void MessageRepairer::part_begins(const Part& part) {
  end_lines();
  out_(header_of(part));
  // A header section that ends with the message has nothing behind it.
  out_(line_end());
  if (part.kind == Part::Kind::multipart) closed_.erase(part.depth);
  if (part.kind == Part::Kind::leaf) begin_body(part);
}

void MessageRepairer::begin_body(const Part& part) {
  binary_ = part.content.encoding == "binary";
  decoder_.reset();
  base64_.reset();
  quoted_.reset();
  const auto body = repair_of(part).body;
  if (body == PartRepair::Body::base64) {
    base64_.emplace(
        Base64Format{.line_length = kLine,
                     .line_end = repair_.lf ? Base64Format::LineEnd::lf : Base64Format::LineEnd::crlf});
  } else if (body == PartRepair::Body::quoted_printable) {
    // In what is no text a line end that was encoded is an octet of it, and stays one.
    const auto& type = part.content.type.word;
    const bool text = type.empty() || type.starts_with("text/");
    quoted_.emplace(text ? QuotedPrintableEncoder::Content::text : QuotedPrintableEncoder::Content::binary,
                    line_end());
  } else {
    return;
  }
  decoder_ = make_transfer_decoder(transfer_encoding(part.content.encoding));
}

void MessageRepairer::encode(std::string_view octets) {
  if (base64_) base64_->feed(octets, encoded_);
  if (quoted_) quoted_->feed(octets, encoded_);
  out_(encoded_);
  encoded_.clear();
}

void MessageRepairer::octets(const Part& part, Piece piece, std::string_view octets, std::uint64_t) {
  if (piece == Piece::boundary) {
    closed_[part.depth] = closes(octets, part.boundary);
    return write_lines(octets);
  }
  if (piece == Piece::body && decoder_) {
    decoder_->feed(octets, decoded_);
    encode(std::exchange(decoded_, {}));
  } else if (piece == Piece::body && binary_) {
    out_(octets);
  } else {
    write_lines(octets);
  }
}

void MessageRepairer::write_lines(std::string_view octets) {
  if (!repair_.line_ends) return out_(octets);
  line_ends_.feed(octets, lines_);
  out_(lines_);
  lines_.clear();
}

void MessageRepairer::end_lines() {
  if (!repair_.line_ends) return;
  line_ends_.finish(lines_);
  out_(lines_);
  lines_.clear();
}

void MessageRepairer::part_ends(const Part& part, const PartEnd&) {
  if (decoder_ && part.kind == Part::Kind::leaf) {
    decoder_->finish(decoded_);
    encode(std::exchange(decoded_, {}));
    if (base64_) base64_->end(encoded_);
    if (quoted_) quoted_->finish(encoded_);
    // The line end in front of a boundary is the boundary's.
    if (part.depth > 0 && encoded_.ends_with('\n')) encoded_.erase(encoded_.size() - line_end().size());
    out_(std::exchange(encoded_, {}));
    decoder_.reset();
  }
  if (part.kind != Part::Kind::multipart) return;
  const auto open = closed_.find(part.depth);
  // Without any boundary line its text would be no part of it.
  const bool missing = open != closed_.end() && !open->second;
  closed_.erase(part.depth);
  if (!missing) return;
  end_lines();
  out_(std::string(line_end()) + "--" + part.boundary + "--" +
       std::string(part.depth == 0 ? line_end() : ""));
}

}  // namespace hikyaku::mime
