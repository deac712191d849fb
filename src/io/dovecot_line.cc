#include "io/dovecot_line.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/base64.h"
#include "base/escape.h"

namespace hikyaku::io {
namespace {

std::string_view take_field(std::string_view& rest) {
  const auto tab = rest.find('\t');
  const auto field = rest.substr(0, tab);
  rest.remove_prefix(tab == std::string_view::npos ? rest.size() : tab + 1);
  return field;
}

std::optional<std::uint32_t> number(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::unexpected<Error> bad(std::string_view line, const char* what) {
  return fail(Fault::malformed, std::string("Dovecot sent ") + what + ": " + escaped(line, 100));
}

Result<DovecotReply> mechanism(std::string_view line, std::string_view rest) {
  DovecotMechanism offered;
  offered.name = take_field(rest);
  const bool good = std::ranges::all_of(offered.name, [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
  if (offered.name.empty() || offered.name.size() > 20 || !good)
    return bad(line, "a mechanism without a proper name");
  while (!rest.empty()) {
    const auto word = take_field(rest);
    offered.plaintext |= word == "plaintext";
    offered.anonymous |= word == "anonymous";
    offered.dictionary |= word == "dictionary";
    offered.active |= word == "active";
    offered.forward_secrecy |= word == "forward-secrecy";
    offered.mutual_auth |= word == "mutual-auth";
  }
  return DovecotLine::Mechanism{std::move(offered)};
}

/// The parameters of OK and FAIL that we care for.
struct Parameters {
  std::string user, reason;
  bool temporary = false;
};

Parameters parameters(std::string_view rest) {
  Parameters result;
  while (!rest.empty()) {
    const auto field = take_field(rest);
    if (field.starts_with("user=")) result.user = dovecot_unescaped(field.substr(5));
    if (field.starts_with("reason=")) result.reason = dovecot_unescaped(field.substr(7));
    result.temporary |= field == "temp" || field == "code=temp_fail";
  }
  return result;
}

}  // namespace

Result<DovecotReply> parse_dovecot_line(std::string_view line) {
  if (line.size() > kMostDovecotLine) return bad(line, "a line that is too long");
  auto rest = line;
  const auto word = take_field(rest);
  if (word == "VERSION") {
    const auto major = number(take_field(rest));
    const auto minor = number(take_field(rest));
    if (!major || !minor) return bad(line, "a version that is no number");
    return DovecotLine::Version{*major, *minor};
  }
  if (word == "MECH") return mechanism(line, rest);
  if (word == "DONE") return DovecotLine::Done{};
  if (word != "CONT" && word != "OK" && word != "FAIL") return DovecotLine::Other{};
  const auto id = number(take_field(rest));
  if (!id) return bad(line, "an answer without a number");
  if (word == "CONT") {
    auto octets = base64_decode(rest);
    if (!octets) return bad(line, "a challenge that is no base64");
    return DovecotLine::Continue{*id, std::move(*octets)};
  }
  auto found = parameters(rest);
  if (word == "FAIL")
    return DovecotLine::Fail{*id, std::move(found.user), std::move(found.reason), found.temporary};
  if (found.user.empty()) return bad(line, "a success without the user");
  return DovecotLine::Ok{*id, std::move(found.user)};
}

std::string dovecot_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '\0':
        out +=
            "\x01"
            "0";
        break;
      case '\x01':
        out +=
            "\x01"
            "1";
        break;
      case '\t':
        out +=
            "\x01"
            "t";
        break;
      case '\r':
        out +=
            "\x01"
            "r";
        break;
      case '\n':
        out +=
            "\x01"
            "n";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string dovecot_unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\x01' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    switch (text[++i]) {
      case '0':
        out += '\0';
        break;
      case '1':
        out += '\x01';
        break;
      case 't':
        out += '\t';
        break;
      case 'r':
        out += '\r';
        break;
      case 'n':
        out += '\n';
        break;
      default:
        out += text[i];
    }
  }
  return out;
}

}  // namespace hikyaku::io
