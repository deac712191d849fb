#include "greylist/spf_record.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string>

#include "base/escape.h"
#include "base/octet_set.h"
#include "greylist/spf_macro.h"
#include "table/fold.h"

namespace hikyaku::greylist {
namespace {

using Kind = SpfMechanism::Kind;

constexpr std::string_view kVersion = "v=spf1";
constexpr OctetSet kDigits("0123456789");
constexpr auto kLetters = OctetSet("").with_range('a', 'z').with_range('A', 'Z');
constexpr auto kNameOctets = kLetters.with_range('0', '9').with_range('-', '.').with_range('_', '_');

struct KindName {
  std::string_view name;
  Kind kind;
};
constexpr std::array kKinds{KindName{"all", Kind::all}, KindName{"include", Kind::include},
                            KindName{"a", Kind::a},     KindName{"mx", Kind::mx},
                            KindName{"ptr", Kind::ptr}, KindName{"ip4", Kind::ip4},
                            KindName{"ip6", Kind::ip6}, KindName{"exists", Kind::exists}};

std::unexpected<Error> malformed(std::string why) { return fail(Fault::malformed, std::move(why)); }

/// The name that the term begins with.
std::string_view name_of(std::string_view term) {
  const auto* const end = std::find_if(term.begin(), term.end(), [](char c) { return !kNameOctets.has(c); });
  return term.substr(0, static_cast<std::size_t>(end - term.begin()));
}

/// Reads a prefix length: decimal without zeros in front, at most `most`.
Result<std::uint8_t> read_prefix(std::string_view digits, unsigned most) {
  unsigned number = 0;
  const auto* const last = digits.data() + digits.size();
  const auto [end, error] = std::from_chars(digits.data(), last, number);
  const bool padded = digits.size() > 1 && digits[0] == '0';
  if (error != std::errc() || end != last || padded || number > most) {
    return malformed("the prefix must be a number from 0 to " + std::to_string(most));
  }
  return static_cast<std::uint8_t>(number);
}

/// Takes "/" or "//" and digits off the end. nullopt: there are none.
std::optional<std::string_view> take_prefix(std::string_view& text, std::string_view slashes) {
  auto front = text;
  while (!front.empty() && kDigits.has(front.back())) front.remove_suffix(1);
  if (front.size() == text.size() || !front.ends_with(slashes)) return std::nullopt;
  const auto digits = text.substr(front.size());
  text = front.substr(0, front.size() - slashes.size());
  return digits;
}

/// [ ":" domain-spec ] [ dual-cidr-length ] of a and mx (RFC 7208 s. 5.3, 5.4).
Result<void> read_hosts(std::string_view rest, SpfMechanism& mechanism) {
  // A domain may hold slashes: what counts is the end.
  if (const auto digits = take_prefix(rest, "//")) {
    const auto prefix = read_prefix(*digits, 128);
    if (!prefix) return std::unexpected(prefix.error());
    mechanism.prefix6 = *prefix;
  }
  if (const auto digits = take_prefix(rest, "/")) {
    const auto prefix = read_prefix(*digits, 32);
    if (!prefix) return std::unexpected(prefix.error());
    mechanism.prefix4 = *prefix;
  }
  if (rest.empty()) return {};
  if (rest[0] != ':') return malformed("only ':' and a domain, and prefixes, may follow its name");
  mechanism.domain = rest.substr(1);
  return check_spf_domain(mechanism.domain);
}

/// ":" network [ "/" prefix ] of ip4 and ip6 (RFC 7208 s. 5.6).
Result<void> read_network(std::string_view rest, SpfMechanism& mechanism) {
  const bool v4 = mechanism.kind == Kind::ip4;
  const std::string family = v4 ? "an IPv4" : "an IPv6";
  if (!rest.starts_with(':')) return malformed("':' and " + family + " network must follow its name");
  rest.remove_prefix(1);
  const auto slash = rest.find('/');
  const auto network = table::Ip::parse_unmapped(rest.substr(0, slash));
  if (!network || (network->family() == table::Ip::Family::v4) != v4) {
    return malformed("it has not " + family + " address");
  }
  mechanism.network = *network;
  if (slash == std::string_view::npos) return {};
  const auto prefix = read_prefix(rest.substr(slash + 1), network->bits());
  if (!prefix) return std::unexpected(prefix.error());
  (v4 ? mechanism.prefix4 : mechanism.prefix6) = *prefix;
  return {};
}

Result<void> read_arguments(std::string_view rest, SpfMechanism& mechanism) {
  switch (mechanism.kind) {
    case Kind::all:
      if (!rest.empty()) return malformed("nothing may follow \"all\"");
      return {};
    case Kind::a:
    case Kind::mx:
      return read_hosts(rest, mechanism);
    case Kind::ip4:
    case Kind::ip6:
      return read_network(rest, mechanism);
    case Kind::ptr:
      if (rest.empty()) return {};
      break;
    case Kind::include:
    case Kind::exists:
      break;
  }
  if (!rest.starts_with(':')) return malformed("':' and a domain must follow its name");
  mechanism.domain = rest.substr(1);
  return check_spf_domain(mechanism.domain);
}

std::optional<SpfStatus> result_of(char qualifier) {
  switch (qualifier) {
    case '+':
      return SpfStatus::pass;
    case '-':
      return SpfStatus::fail;
    case '?':
      return SpfStatus::neutral;
    case '~':
      return SpfStatus::softfail;
    default:
      return std::nullopt;
  }
}

Result<SpfMechanism> read_mechanism(std::string_view term) {
  SpfMechanism mechanism;
  auto rest = term;
  if (const auto result = result_of(rest[0])) {
    mechanism.result = *result;
    rest.remove_prefix(1);
  }
  const auto name = name_of(rest);
  const auto* const known = std::find_if(kKinds.begin(), kKinds.end(), [name](const KindName& kind) {
    return table::equal_ascii_nocase(kind.name, name);
  });
  if (known == kKinds.end()) return malformed("it is no mechanism");
  mechanism.kind = known->kind;
  rest.remove_prefix(name.size());
  const auto read = read_arguments(rest, mechanism);
  if (!read) return std::unexpected(read.error());
  return mechanism;
}

/// `name` stands before the '='.
Result<void> read_modifier(std::string_view name, SpfModifier modifier, SpfRecord& record) {
  if (!kLetters.has(name[0])) return malformed("the name of a modifier begins with a letter");
  const bool redirects = table::equal_ascii_nocase(name, "redirect");
  if (!redirects && !table::equal_ascii_nocase(name, "exp")) {
    return check_spf_macros(modifier.domain, SpfMacroUse::explanation);
  }
  auto& place = redirects ? record.redirect : record.explanation;
  if (place) return malformed("it is there twice");
  place = modifier;
  return check_spf_domain(modifier.domain);
}

Result<void> read_term(std::string_view term, std::size_t place, SpfRecord& record) {
  const auto name = name_of(term);
  if (!name.empty() && name.size() < term.size() && term[name.size()] == '=') {
    return read_modifier(name, {term.substr(name.size() + 1), term, place}, record);
  }
  auto mechanism = read_mechanism(term);
  if (!mechanism) return std::unexpected(mechanism.error());
  mechanism->text = term;
  mechanism->place = place;
  record.mechanisms.push_back(*mechanism);
  return {};
}

}  // namespace

bool SpfRecord::has_version(std::string_view text) {
  return table::equal_ascii_nocase(text.substr(0, kVersion.size()), kVersion) &&
         (text.size() == kVersion.size() || text[kVersion.size()] == ' ');
}

Result<SpfRecord> SpfRecord::parse(std::string_view text) {
  if (!has_version(text)) return malformed("it does not begin with \"v=spf1\"");
  if (text.size() > kLongest) return malformed("it is longer than " + std::to_string(kLongest) + " octets");
  SpfRecord record;
  for (std::size_t place = kVersion.size(); place < text.size();) {
    if (text[place] == ' ') {
      ++place;
      continue;
    }
    const auto term = text.substr(place, std::min(text.find(' ', place), text.size()) - place);
    const auto read = read_term(term, place, record);
    if (!read) {
      return malformed("\"" + escaped(term, 100) + "\" at octet " + std::to_string(place + 1) + ": " +
                       read.error().text);
    }
    place += term.size();
  }
  return record;
}

}  // namespace hikyaku::greylist
