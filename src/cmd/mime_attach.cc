#include "cmd/mime_attach.h"

#include <fmt/format.h>
#include <sysexits.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <climits>

#include "base/base64_stream.h"
#include "base/escape.h"
#include "base/time.h"
#include "cmd/exit_code.h"
#include "cmd/mime_io.h"
#include "io/system_random.h"
#include "mime/attach.h"
#include "mime/charset_guess.h"
#include "mime/encoded_word.h"
#include "mime/header_text.h"
#include "mime/media_type.h"

namespace hikyaku::cmd {
namespace {

constexpr std::string_view kName = "hikyaku mime attach";
constexpr std::size_t kLine = 76;
constexpr std::size_t kLongestLine = 998;  // RFC 5322 s. 2.1.1

std::string random_word() {
  std::array<unsigned char, 16> octets{};
  io::SystemRandom().fill(octets);
  std::string word;
  for (const auto octet : octets) word += fmt::format("{:02x}", octet);
  return word;
}

std::string base_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }  // npos + 1 is 0

/// A message in a message must not be encoded (RFC 2046 s. 5.2.1), and a file that only claims to be one must
/// not break what is around it.
std::string type_of(const std::string& name) {
  const auto type = mime::media_type_of(name);
  return std::string(type.starts_with("message/") ? "application/octet-stream" : type);
}

class FileWriter {
 public:
  FileWriter(const MimeAttachOptions& options, StandardOutput& out) : options_(options), out_(out) {}
  const std::optional<Error>& fault() const { return fault_; }

  void write_all(const std::string& begin, std::string_view line_end) {
    for (const auto& file : options_.files)
      if (!fault_) write(file, begin, line_end);
  }

 private:
  void write(const std::string& path, const std::string& begin, std::string_view line_end) {
    const auto name = options_.name.empty() ? base_name(path) : options_.name;
    const auto type = options_.type.empty() ? type_of(name) : options_.type;
    const bool crlf = line_end == "\r\n";
    Base64Encoder encoder(
        {.line_length = kLine, .line_end = crlf ? Base64Format::LineEnd::crlf : Base64Format::LineEnd::lf});
    std::string encoded;
    bool begun = false;
    const auto begin_part = [&](std::string_view sample) {
      if (std::exchange(begun, true)) return;
      const bool text = type.starts_with("text/");
      auto header = mime::attachment_header(
          {.name = name,
           .type = type,
           .charset = text ? std::string(mime::guess_charset(sample).charset.name) : std::string(),
           .style =
               options_.old_readers ? mime::ParameterStyle::rfc2047_too : mime::ParameterStyle::rfc2231});
      if (!crlf) std::erase(header, '\r');
      out_.write(begin + header);
    };
    const auto read = read_in_pieces(path, [&](std::string_view piece) {
      begin_part(piece);
      encoder.feed(piece, encoded);
      out_.write(encoded);
      encoded.clear();
      return out_.ok();
    });
    if (!read) {
      fault_ = read.error();
      return;
    }
    begin_part({});
    encoder.end(encoded);
    // The line end in front of a boundary is the boundary's.
    if (encoded.ends_with('\n')) encoded.pop_back();
    if (encoded.ends_with('\r')) encoded.pop_back();
    out_.write(encoded);
  }

  const MimeAttachOptions& options_;
  StandardOutput& out_;
  std::optional<Error> fault_;
};

bool plain_ascii(std::string_view text) {
  std::size_t column = 0;
  for (const char c : text) {
    column = c == '\n' ? 0 : column + 1;
    if (static_cast<unsigned char>(c) > 126 || column > kLongestLine ||
        (static_cast<unsigned char>(c) < 32 && c != '\n' && c != '\t'))
      return false;
  }
  return true;
}

std::string text_body(const std::string& text) {
  std::string lines;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '\r' && at + 1 < text.size() && text[at + 1] == '\n') continue;
    if (text[at] == '\n') lines += '\r';
    lines += text[at];
  }
  auto unix_lines = text;
  std::erase(unix_lines, '\r');
  if (plain_ascii(unix_lines)) return "Content-Type: text/plain; charset=us-ascii\r\n\r\n" + lines;
  std::string encoded;
  Base64Encoder encoder({.line_length = kLine, .line_end = Base64Format::LineEnd::crlf});
  encoder.feed(lines, encoded);
  encoder.end(encoded);
  return "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n" + encoded;
}

Result<std::string> new_message(const MimeAttachOptions& options) {
  std::string message;
  const auto now = std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
  std::array<char, HOST_NAME_MAX + 1> host{};
  if (gethostname(host.data(), host.size() - 1) != 0) host = {'l', 'o', 'c', 'a', 'l', 'h', 'o', 's', 't'};
  std::string to;
  for (const auto& one : options.to) to += (to.empty() ? "" : ", ") + one;
  const std::vector<std::pair<std::string, std::string>> fields{
      {"Date", rfc5322_text(now)},
      {"From", options.from},
      {"To", to},
      {"Subject", options.subject},
      {"Message-ID", "<" + random_word() + "@" + host.data() + ">"},
      {"MIME-Version", "1.0"}};
  for (const auto& [name, value] : fields) {
    if (value.empty()) continue;
    auto field = mime::encode_header_field(name, value);
    if (!field) return std::unexpected(field.error());
    message += field->text;
  }
  return message + text_body(options.text);
}

}  // namespace

bool may_be_attached_as(std::string_view type) {
  const auto token = [](std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
      return c > ' ' && c < '\x7f' && std::string_view("()<>@,;:\\\"/[]?=").find(c) == std::string_view::npos;
    });
  };
  const auto slash = type.find('/');
  if (slash == std::string_view::npos) return false;
  std::string kind(type.substr(0, slash));
  std::transform(kind.begin(), kind.end(), kind.begin(), mime::lower);
  return token(kind) && token(type.substr(slash + 1)) && kind != "message" && kind != "multipart";
}

int mime_attach(const MimeAttachOptions& options) {
  if (!options.name.empty() && options.files.size() > 1)
    return tell_error(kName, {Fault::malformed, "--name goes with one file"});
  for (const auto& file : options.files)
    if (::access(file.c_str(), R_OK) != 0)
      return tell_error(kName, {Fault::not_found, "can't read " + escaped(file)});
  StandardOutput out;
  FileWriter files(options, out);
  mime::Attacher attacher(
      {.out = [&](std::string_view octets) { out.write(octets); },
       .attachments = [&](const std::string& begin,
                          std::string_view line_end) { files.write_all(begin, line_end); }},
      "=_" + random_word());
  if (options.fresh) {
    const auto message = new_message(options);
    if (!message) return tell_error(kName, message.error());
    attacher.feed(*message);
  } else {
    const auto read = read_in_pieces(options.message, [&](std::string_view piece) {
      attacher.feed(piece);
      return out.ok();
    });
    if (!read) return tell_error(kName, read.error());
  }
  attacher.finish();
  if (files.fault()) return tell_error(kName, *files.fault());
  return out.flush() ? EX_OK : EX_IOERR;
}

}  // namespace hikyaku::cmd
