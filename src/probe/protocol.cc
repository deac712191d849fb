#include "probe/protocol.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/escape.h"
#include "probe/words.h"

namespace hikyaku::probe {
namespace {

constexpr std::array kProtocols{
    Protocol{"smtp", Speech::smtp, 25, false},     Protocol{"submission", Speech::smtp, 587, false},
    Protocol{"smtps", Speech::smtp, 465, true},    Protocol{"lmtp", Speech::lmtp, 24, false},
    Protocol{"imap", Speech::imap, 143, false},    Protocol{"imaps", Speech::imap, 993, true},
    Protocol{"pop3", Speech::pop3, 110, false},    Protocol{"pop3s", Speech::pop3, 995, true},
    Protocol{"sieve", Speech::sieve, 4190, false}, Protocol{"ldap", Speech::ldap, 389, false},
    Protocol{"ldaps", Speech::ldap, 636, true},    Protocol{"ftp", Speech::ftp, 21, false},
    Protocol{"ftps", Speech::ftp, 990, true},      Protocol{"http", Speech::http, 80, false},
    Protocol{"https", Speech::http, 443, true},
};

Result<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto* end = text.data() + text.size();
  const auto [stop, code] = std::from_chars(text.data(), end, port);
  if (code != std::errc{} || stop != end || port == 0)
    return fail(Fault::malformed, "the port \"" + escaped(text) + "\" is no number of 1 to 65535");
  return port;
}

}  // namespace

std::span<const Protocol> protocols() { return kProtocols; }

const Protocol* find_protocol(std::string_view name) {
  const auto found =
      std::ranges::find_if(kProtocols, [&](const Protocol& one) { return same_word(one.name, name); });
  return found == kProtocols.end() ? nullptr : &*found;
}

Result<Place> Place::parse(std::string_view text) {
  Place place;
  static constexpr std::string_view kUnix = "unix:";
  if (text.starts_with(kUnix)) {
    place.path = text.substr(kUnix.size());
    if (place.path.empty()) return fail(Fault::malformed, "unix: needs a path behind it");
    return place;
  }
  std::string_view port;
  bool has_port = false;
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == text.npos)
      return fail(Fault::malformed, '"' + escaped(text) + "\" has no ] behind the address");
    place.host = text.substr(1, end - 1);
    auto rest = text.substr(end + 1);
    has_port = rest.starts_with(':');
    if (!rest.empty() && !has_port)
      return fail(Fault::malformed, '"' + escaped(text) + "\" has neither :PORT nor an end behind the ]");
    if (has_port) port = rest.substr(1);
  } else {
    const auto colon = text.find(':');
    // More than one colon is an IPv6 address without brackets.
    has_port = colon != text.npos && text.find(':', colon + 1) == text.npos;
    place.host = has_port ? text.substr(0, colon) : text;
    if (has_port) port = text.substr(colon + 1);
  }
  if (place.host.empty() || place.host.contains('\0'))
    return fail(Fault::malformed, '"' + escaped(text) + "\" names no host");
  if (!has_port) return place;
  auto number = parse_port(port);
  if (!number) return std::unexpected(std::move(number.error()));
  place.port = *number;
  return place;
}

}  // namespace hikyaku::probe
