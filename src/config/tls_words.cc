#include "config/tls_words.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace hikyaku::config {
namespace {

struct Protocol {
  std::string_view name;
  int version;
};
// SSL 2 has no number that would fit; it is below all that is.
constexpr std::array<Protocol, 6> kProtocols{{{"sslv2", 0x0002},
                                              {"sslv3", 0x0300},
                                              {"tlsv1", 0x0301},
                                              {"tlsv1.1", 0x0302},
                                              {"tlsv1.2", 0x0303},
                                              {"tlsv1.3", 0x0304}}};
constexpr int kLowest = 0x0303, kHighest = 0x0304;

std::optional<int> version_of(std::string_view word) {
  const auto name = lower_case(word);
  for (const auto& protocol : kProtocols) {
    if (protocol.name == name) return protocol.version;
  }
  if (!name.starts_with("0x")) return std::nullopt;
  int version = 0;
  const auto [end, error] = std::from_chars(name.data() + 2, name.data() + name.size(), version, 16);
  if (error != std::errc{} || end != name.data() + name.size()) return std::nullopt;
  return version;
}

}  // namespace

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (auto& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

std::vector<std::string> tls_words(std::string_view text, std::string_view also) {
  const auto between = std::string(", \t\r\n").append(also);
  std::vector<std::string> words;
  for (;;) {
    const auto begin = text.find_first_not_of(between);
    if (begin == std::string_view::npos) return words;
    text.remove_prefix(begin);
    const auto end = std::min(text.find_first_of(between), text.size());
    words.emplace_back(text.substr(0, end));
    text.remove_prefix(end);
  }
}

Result<TlsProtocols> parse_tls_protocols(std::string_view text) {
  int lowest = 0, highest = 0xffff;
  std::vector<int> named, excluded;
  for (const auto& word : tls_words(text, ":")) {
    const std::string_view view = word;
    const bool low = view.starts_with(">="), high = view.starts_with("<="), not_this = view.starts_with('!');
    const auto version = version_of(view.substr(low || high ? 2 : not_this ? 1 : 0));
    if (!version) {
      return fail(Fault::malformed,
                  "\"" + word + "\" is no protocol: write >=TLSv1.2, <=TLSv1.3, TLSv1.3 or !TLSv1.2");
    }
    if (low) {
      lowest = *version;
    } else if (high) {
      highest = *version;
    } else {
      (not_this ? excluded : named).push_back(*version);
    }
  }
  const auto allowed = [&](int version) {
    return version >= lowest && version <= highest && std::ranges::count(excluded, version) == 0 &&
           (named.empty() || std::ranges::count(named, version) != 0);
  };
  TlsProtocols result;
  result.raised =
      (lowest != 0 && lowest < kLowest) || std::ranges::any_of(named, [](int one) { return one < kLowest; });
  const bool twelve = allowed(kLowest), thirteen = allowed(kHighest);
  if (!twelve && !thirteen) {
    return fail(Fault::malformed,
                "\"" + std::string(text) + "\" leaves no protocol: TLS 1.2 and 1.3 are those that there are");
  }
  result.versions.minimum = twelve ? kLowest : kHighest;
  result.versions.maximum = thirteen ? 0 : kLowest;
  return result;
}

std::string tls_cipher_list(const std::map<std::string, std::string, std::less<>>& grades,
                            const std::string& grade, const std::vector<std::string>& exclude,
                            bool authenticated) {
  const auto found = grades.find(grade);
  std::string list = found == grades.end() ? std::string{} : found->second;
  for (const auto& one : exclude) list += ":!" + one;
  if (authenticated) list += ":!aNULL";
  return list;
}

}  // namespace hikyaku::config
