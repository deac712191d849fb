#include "mime/attach.h"

#include "mail/header.h"
#include "mime/line_text.h"

namespace hikyaku::mime {

std::string attachment_header(const AttachmentFacts& facts) {
  std::string type = "Content-Type: " + facts.type;
  if (!facts.charset.empty()) put_parameter(type, "charset", facts.charset);
  std::string disposition = "Content-Disposition: attachment";
  if (!facts.name.empty()) {
    put_parameter(type, "name", facts.name, {.style = facts.style});
    put_parameter(disposition, "filename", facts.name, {.style = facts.style});
  }
  return type + "\r\n" + disposition + "\r\nContent-Transfer-Encoding: base64\r\n\r\n";
}

void Attacher::part_begins(const Part& part) {
  if (part.depth > 0) {
    ports_.out(part.header);
    return ports_.out(part.separator);
  }
  const auto first = part.header.find('\n');
  if (first != std::string::npos && (first == 0 || part.header[first - 1] != '\r')) line_end_ = "\n";
  if (part.type != "multipart/mixed" || part.boundary.empty()) return wrap(part);
  ports_.out(part.header);
  ports_.out(part.separator.empty() ? line_end_ : std::string_view(part.separator));
}

/// The message's own fields stay with it, those of MIME go with its content.
void Attacher::wrap(const Part& part) {
  wraps_ = true;
  std::string own, content;
  bool version = false;
  mail::HeaderFields fields(part.header);
  while (const auto field = fields.next()) {
    const auto& kind = mail::header_kind(field->name);
    const bool of_content = kind.mime && kind.name != mail::HeaderName::mime_version;
    version = version || kind.name == mail::HeaderName::mime_version;
    auto& section = of_content ? content : own;
    section += field->raw;
    if (!section.ends_with('\n')) section += line_end_;
  }
  const std::string end(line_end_);
  if (!version) own += "MIME-Version: 1.0" + end;
  own += "Content-Type: multipart/mixed; boundary=\"" + new_boundary_ + "\"" + end;
  // A multipart must tell what is in it (RFC 2045 s. 6.4).
  if (part.content.encoding == "8bit" || part.content.encoding == "binary")
    own += "Content-Transfer-Encoding: " + part.content.encoding + end;
  ports_.out(own + end + "--" + new_boundary_ + end + content + end);
}

void Attacher::octets(const Part& part, Piece piece, std::string_view octets, std::uint64_t) {
  if (!wraps_ && !added_ && piece == Piece::boundary && part.depth == 0 && closes(octets, part.boundary)) {
    added_ = true;
    add(part.boundary);
  }
  ports_.out(octets);
}

void Attacher::part_ends(const Part& part, const PartEnd&) {
  if (part.depth > 0 || added_) return;
  const auto& boundary = wraps_ ? new_boundary_ : part.boundary;
  add(boundary);
  const std::string end(line_end_);
  ports_.out(end + "--" + boundary + "--" + end);
}

void Attacher::add(const std::string& boundary) {
  const std::string end(line_end_);
  ports_.attachments(end + "--" + boundary + end, line_end_);
}

}  // namespace hikyaku::mime
