#include "probe/message_parts.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "base/base64_stream.h"
#include "probe/encoded_header.h"

namespace hikyaku::probe {
namespace {

constexpr std::string_view kPlain = "text/plain";
constexpr std::string_view kUtf8Plain = "Content-Type: text/plain; charset=utf-8";
constexpr std::string_view kBase64Field = "Content-Transfer-Encoding: BASE64";

std::string base64_lines(std::string_view octets) {
  Base64Encoder encoder({.line_length = 76});  // RFC 2045 s. 6.8
  std::string out;
  encoder.feed(octets, out);
  encoder.end(out);
  return out;
}

enum class Role : unsigned char { body, attachment };

/// A name of a file may hold what would end a field.
std::string one_line(std::string text) {
  std::ranges::replace_if(
      text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '_');
  return text;
}

std::string part_text(const DraftPart& part, Role role) {
  const bool body = role == Role::body;
  std::string out;
  if (body && (part.type.empty() || part.type == kPlain)) {
    if (is_ascii(part.content) || !is_utf8(part.content))
      return "Content-Type: text/plain\n\n" + part.content;
    return std::string(kUtf8Plain) + '\n' + std::string(kBase64Field) + "\n\n" + base64_lines(part.content);
  }
  out = "Content-Type: " + (part.type.empty() ? "application/octet-stream" : part.type);
  if (!part.name.empty()) put_header_parameter(out, "name", part.name);
  out += '\n';
  if (!part.name.empty()) out += encoded_header("Content-Description: " + one_line(part.name)) + '\n';
  if (!body || !part.type.starts_with("text/")) {
    std::string disposition = "Content-Disposition: attachment";
    if (!part.name.empty()) put_header_parameter(disposition, "filename", part.name);
    out += disposition + '\n';
  }
  return out + std::string(kBase64Field) + "\n\n" + base64_lines(part.content);
}

std::string joined(const std::vector<std::string>& parts, const std::string& boundary) {
  std::string out;
  for (const auto& part : parts) out += "--" + boundary + '\n' + part + '\n';
  return out + "--" + boundary + "--\n";
}

std::string boundary_text(int number, const std::string& unique) {
  std::array<char, 8> digits{};
  std::snprintf(digits.data(), digits.size(), "%03d", number % 1000);
  return "----=_part_" + std::string(digits.data()) + '_' + unique;
}

std::string content_type(std::string_view subtype, const std::string& boundary) {
  return "Content-Type: multipart/" + std::string(subtype) + "; boundary=\"" + boundary + '"';
}

}  // namespace

MimeBody multipart(const std::vector<DraftPart>& bodies, const std::vector<DraftPart>& attachments,
                   const std::string& boundary) {
  std::vector<std::string> alternatives, parts;
  for (const auto& body : bodies) alternatives.push_back(part_text(body, Role::body));
  const auto outer = boundary_text(0, boundary);
  if (attachments.empty() && alternatives.size() > 1)
    return {{"MIME-Version: 1.0", content_type("alternative", outer)}, joined(alternatives, outer)};
  if (alternatives.size() > 1) {
    const auto inner = boundary_text(1, boundary);
    auto together = joined(alternatives, inner);
    together.pop_back();
    parts.push_back(content_type("alternative", inner) + "\n\n" + together);
  } else {
    parts = std::move(alternatives);
  }
  for (const auto& attachment : attachments) parts.push_back(part_text(attachment, Role::attachment));
  return {{"MIME-Version: 1.0", content_type("mixed", outer)}, joined(parts, outer)};
}

MimeBody utf8_text(const std::string& text) {
  return {{"MIME-Version: 1.0", std::string(kUtf8Plain), std::string(kBase64Field)}, base64_lines(text)};
}

}  // namespace hikyaku::probe
