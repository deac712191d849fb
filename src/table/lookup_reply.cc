#include "table/lookup_reply.h"

#include "base/escape.h"

namespace hikyaku::table {
namespace {

std::unexpected<Error> senseless(std::string_view reply) {
  return fail(Fault::temporary, "the server's answer makes no sense: " + escaped(reply, 100));
}

std::unexpected<Error> refused(std::string_view reply) {
  return fail(Fault::temporary, "the server said: " + escaped(reply, 200));
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

}  // namespace

std::string netstring(std::string_view text) {
  std::string out = std::to_string(text.size());
  out += ':';
  out += text;
  out += ',';
  return out;
}

Result<std::optional<std::string_view>> read_netstring(std::string_view octets, std::size_t limit) {
  std::size_t size = 0;
  std::size_t i = 0;
  for (; i < octets.size() && octets[i] >= '0' && octets[i] <= '9'; ++i) {
    size = size * 10 + static_cast<std::size_t>(octets[i] - '0');
    if (size > limit)
      return fail(Fault::malformed,
                  "the server's answer is longer than " + std::to_string(limit) + " octets");
  }
  if (i == octets.size()) return std::optional<std::string_view>{};
  if (i == 0 || octets[i] != ':') return fail(Fault::malformed, "the server's answer is no netstring");
  const auto rest = octets.substr(i + 1);
  if (rest.size() <= size) return std::optional<std::string_view>{};
  if (rest[size] != ',') return fail(Fault::malformed, "the server's answer is no netstring");
  return std::optional(rest.substr(0, size));
}

Result<std::optional<std::string>> read_socketmap_reply(std::string_view reply) {
  const auto space = reply.find(' ');
  const auto word = reply.substr(0, space);
  if (word == "NOTFOUND") return std::optional<std::string>{};
  if (word == "OK" && space != std::string_view::npos)
    return std::optional(std::string(reply.substr(space + 1)));
  if (word == "TEMP" || word == "TIMEOUT" || word == "PERM") return refused(reply);
  return senseless(reply);
}

std::string tcp_request(std::string_view key) {
  std::string out = "get ";
  for (const char c : key) {
    if (c > ' ' && c < 127 && c != '%') {
      out += c;
      continue;
    }
    constexpr std::string_view kDigits = "0123456789abcdef";
    const auto octet = static_cast<unsigned char>(c);
    out += '%';
    out += kDigits[octet >> 4U];
    out += kDigits[octet & 15U];
  }
  out += '\n';
  return out;
}

Result<std::optional<std::string>> read_tcp_reply(std::string_view line) {
  if (line.size() < 4 || (line[3] != ' ' && line[3] != '\t')) return senseless(line);
  const auto code = line.substr(0, 3);
  auto text = line.substr(4);
  if (text.ends_with('\r')) text.remove_suffix(1);
  if (code == "500") return std::optional<std::string>{};
  if (code == "400") return refused(line);
  if (code != "200") return senseless(line);
  auto value = percent_decoded(text);
  if (!value) return senseless(line);
  return value;
}

}  // namespace hikyaku::table
