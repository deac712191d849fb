#include "probe/send_target.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "base/escape.h"

namespace hikyaku::probe {
namespace {

std::unexpected<Error> refuse(std::string text) { return fail(Fault::malformed, std::move(text)); }

constexpr std::array<std::pair<std::string_view, std::uint16_t>, 6> kServices{
    {{"smtp", 25}, {"submission", 587}, {"smtps", 465}, {"submissions", 465}, {"ssmtp", 465}, {"lmtp", 24}}};

/// In their order; what OpenSSL 3 does not speak has no number.
constexpr std::array<std::pair<std::string_view, int>, 6> kVersions{{{"sslv2", 0},
                                                                     {"sslv3", 0},
                                                                     {"tlsv1", 0x0301},
                                                                     {"tlsv1_1", 0x0302},
                                                                     {"tlsv1_2", 0x0303},
                                                                     {"tlsv1_3", 0x0304}}};

}  // namespace

Result<std::uint16_t> parse_port(const std::string& text) {
  for (const auto& [name, port] : kServices) {
    if (name == text) return port;
  }
  unsigned port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port == 0 || port > 65535)
    return refuse("'" + escaped(text) +
                  "' is no port: a number from 1 to 65535, smtp, submission, smtps or lmtp");
  return static_cast<std::uint16_t>(port);
}

Result<HostAndPort> HostAndPort::parse(const std::string& text) {
  HostAndPort parsed{text};
  std::string port;
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == std::string::npos) return refuse("'" + escaped(text) + "' lacks a ']'");
    parsed.host = text.substr(1, close - 1);
    if (close + 1 < text.size()) {
      if (text[close + 1] != ':') return refuse("'" + escaped(text) + "': a port stands behind ']:'");
      port = text.substr(close + 2);
    } else {
      return parsed;
    }
  } else if (const auto slash = text.find('/'); slash != std::string::npos) {
    parsed.host = text.substr(0, slash);
    port = text.substr(slash + 1);
  } else if (std::ranges::count(text, ':') == 1) {
    parsed.host = text.substr(0, text.find(':'));
    port = text.substr(text.find(':') + 1);
  } else {
    return parsed;
  }
  const auto number = parse_port(port);
  if (!number) return std::unexpected(number.error());
  parsed.port = *number;
  return parsed;
}

Result<std::chrono::seconds> parse_timeout(const std::string& text) {
  constexpr long kMost = 7 * 24 * 3600;
  long count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  const long factor = unit.empty() || unit == "s" ? 1 : unit == "m" ? 60 : unit == "h" ? 3600 : 0;
  if (error != std::errc() || factor == 0 || count < 0 || count > kMost / factor)
    return refuse("'" + escaped(text) + "' is no time: 30, 30s, 3m, 1h, at most 168h");
  return std::chrono::seconds(count * factor);
}

Result<SendTarget> target_of(const SendArguments& arguments, std::uint16_t usual) {
  SendTarget target;
  target.port = usual;
  if (arguments.has("server") + arguments.has("socket") + arguments.has("pipe") > 1)
    return refuse("--server, --socket and --pipe are three ways to connect: give one");
  target.unix_path = arguments.value("socket").value_or("");
  target.pipe = arguments.value("pipe").value_or("");
  if (arguments.has("4") && arguments.has("6")) return refuse("-4 and -6 leave no address");
  if (arguments.has("4")) target.family = SendTarget::Family::ipv4;
  if (arguments.has("6")) target.family = SendTarget::Family::ipv6;
  if (const auto port = arguments.value("port")) {
    const auto parsed = parse_port(*port);
    if (!parsed) return std::unexpected(parsed.error());
    target.port = *parsed;
  }
  if (const auto server = arguments.value("server")) {
    auto parsed = HostAndPort::parse(*server);
    if (!parsed) return std::unexpected(parsed.error());
    target.host = std::move(parsed->host);
    if (parsed->port != 0) target.port = parsed->port;
  }
  if (const auto local = arguments.value("local-interface")) {
    auto parsed = HostAndPort::parse(*local);
    if (!parsed) return std::unexpected(parsed.error());
    target.local_address = std::move(parsed->host);
    target.local_port = parsed->port;
  }
  if (const auto port = arguments.value("local-port")) {
    const auto parsed = parse_port(*port);
    if (!parsed) return std::unexpected(parsed.error());
    target.local_port = *parsed;
  }
  target.domain = arguments.value("copy-routing").value_or("");
  target.dns_server = arguments.value("dns-server").value_or("");
  return target;
}

Result<void> set_tls_versions(const std::string& list, TlsWish& wish) {
  std::array<bool, kVersions.size()> named{};
  bool without = false, with = false;
  for (std::size_t at = 0; at <= list.size();) {
    const auto end = std::min(list.find(',', at), list.size());
    std::string word = list.substr(at, end - at);
    std::ranges::transform(word, word.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
    const bool no = word.starts_with("no_");
    (no ? without : with) = true;
    const auto found = std::ranges::find(kVersions, no ? word.substr(3) : word,
                                         [](const auto& v) { return std::string(v.first); });
    if (found == kVersions.end())
      return refuse("--tls-protocol: there is no version '" + escaped(word) +
                    "'; tlsv1, tlsv1_1, tlsv1_2, tlsv1_3");
    if (!no && found->second == 0) return refuse("--tls-protocol: " + word + " is not spoken by OpenSSL 3");
    named[static_cast<std::size_t>(found - kVersions.begin())] = true;
    at = end + 1;
  }
  if (with && without)
    return refuse("--tls-protocol: versions that are wanted and that are not can't be mixed");
  const auto wanted = [&](std::size_t i) { return kVersions[i].second != 0 && named[i] != without; };
  std::size_t first = 0, last = kVersions.size();
  while (first < last && !wanted(first)) ++first;
  while (last > first && !wanted(last - 1)) --last;
  if (first == last) return refuse("--tls-protocol: no version is left");
  for (auto i = first; i < last; ++i) {
    if (!wanted(i)) return refuse("--tls-protocol: a version between two that are wanted can't be left out");
  }
  wish.minimum_version = kVersions[first].second;
  wish.maximum_version = kVersions[last - 1].second;
  return {};
}

}  // namespace hikyaku::probe
