#include <algorithm>
#include <string>
#include <utility>

#include "base/dns_server.h"
#include "config/greylist_reader.h"
#include "config/greylist_values.h"
#include "greylist/dns_update.h"
#include "greylist/tsig.h"
#include "table/spec.h"

namespace hikyaku::config {
namespace {

using namespace greylist;
namespace values = greylist_values;

std::string name(GreylistScanner& scanner) { return values::quoted(scanner, "a name in quotes"); }

/// Keeps a definition; a second one of its name is refused, as milter-greylist does.
template <class Definition>
void keep(GreylistReading& reading, std::vector<Definition>& all, Definition one) {
  auto& scanner = reading.scanner;
  scanner.end();
  if (scanner.failed()) return;
  if (std::any_of(all.begin(), all.end(), [&](const auto& other) { return other.name == one.name; })) {
    scanner.error("\"" + one.name + "\" is defined above already");
    return;
  }
  all.push_back(std::move(one));
}

void read_dnsrbl(GreylistReading& reading, Origin origin) {
  auto& scanner = reading.scanner;
  DnsrblDefinition one;
  one.origin = origin;
  one.name = name(scanner);
  one.domain = values::domain(scanner);
  one.answers = values::network(scanner);
  keep(reading, reading.configuration.dnsrbls, std::move(one));
}

void read_macro(GreylistReading& reading, Origin origin) {
  auto& scanner = reading.scanner;
  MacroDefinition one{name(scanner), values::quoted(scanner, "a macro in quotes, such as \"{client_addr}\""),
                      MacroDefinition::Unset{}, origin};
  if (auto pattern = values::regex(scanner, reading.syntax)) {
    one.test = std::move(*pattern);
  } else if (auto text = scanner.quoted()) {
    one.test = Pattern::literal(std::move(*text));
  } else if (!scanner.take_word("unset")) {
    scanner.expected("a text in quotes, an expression between slashes, or \"unset\"");
  }
  keep(reading, reading.configuration.macros, std::move(one));
}

void read_ratelimit(GreylistReading& reading, Origin origin) {
  auto& scanner = reading.scanner;
  RatelimitDefinition one;
  one.origin = origin;
  one.name = name(scanner);
  if (scanner.take_word("rcpt")) {
    one.counted = RatelimitDefinition::Counted::rcpt;
  } else if (scanner.take_word("session")) {
    one.counted = RatelimitDefinition::Counted::session;
  } else if (scanner.take_word("data")) {
    one.counted = RatelimitDefinition::Counted::data;
  } else {
    scanner.expected("rcpt, session or data");
  }
  one.limit = values::number(scanner);
  if (!scanner.take('/')) scanner.expected("\"/\" and a time, such as 10 / 1m");
  one.period = values::duration(scanner);
  if (one.period.count() == 0) scanner.error("a limit for no time at all limits nothing");
  if (scanner.take_word("key")) one.key_format = values::quoted(scanner, "a text in quotes");
  keep(reading, reading.configuration.ratelimits, std::move(one));
}

void read_urlcheck(GreylistReading& reading, Origin origin) {
  auto& scanner = reading.scanner;
  UrlcheckDefinition one;
  one.origin = origin;
  one.name = name(scanner);
  one.url_format = values::quoted(scanner, "a URL in quotes");
  one.most_at_a_time = values::small_number(scanner, 10000);
  if (one.most_at_a_time == 0) scanner.error("at least one check at a time must be allowed");
  for (;;) {
    if (scanner.take_word("postmsg")) {
      one.postmsg = true;
    } else if (scanner.take_word("getprop")) {
      one.getprop = true;
    } else if (scanner.take_word("clear")) {
      one.clear = true;
    } else if (scanner.take_word("fork")) {
      one.fork = true;
    } else if (scanner.take_word("noencode")) {
      one.noencode = true;
    } else {
      break;
    }
  }
  if (one.clear && !one.getprop) scanner.warning("\"clear\" without \"getprop\" clears nothing");
  keep(reading, reading.configuration.urlchecks, std::move(one));
}

void read_ldapconf(GreylistReading& reading) {
  auto& scanner = reading.scanner;
  LdapSettings one;
  one.uris = values::quoted(scanner, "the URIs of servers in quotes");
  if (scanner.take_word("timeout")) {
    one.timeout = values::duration(scanner);
  } else if (!scanner.at_end() && !scanner.next_is_word("binddn")) {
    one.timeout = values::duration(scanner);  // as milter-greylist 4.2.1 had it
  }
  if (scanner.take_word("binddn")) {
    one.bind_dn = values::quoted(scanner, "a distinguished name in quotes");
    if (!scanner.take_word("bindpw")) scanner.expected("bindpw and a password in quotes");
    one.bind_password = values::quoted(scanner, "a password in quotes");
  }
  scanner.end();
  if (!scanner.failed()) reading.configuration.ldap = std::move(one);
}

void read_ldapcheck(GreylistReading& reading, Origin origin) {
  auto& scanner = reading.scanner;
  LdapcheckDefinition one;
  one.origin = origin;
  one.name = name(scanner);
  one.url_format = values::quoted(scanner, "an LDAP URL in quotes");
  for (;;) {
    if (scanner.take_word("clear")) {
      one.clear = true;
    } else if (scanner.take_word("domatch")) {
      one.domatch = true;
    } else if (scanner.take_word("noescape")) {
      one.noescape = true;
    } else {
      break;
    }
  }
  keep(reading, reading.configuration.ldapchecks, std::move(one));
}

void read_tsig(GreylistReading& reading, Origin origin) {
  auto& scanner = reading.scanner;
  TsigKey one;
  one.origin = origin;
  one.name = name(scanner);
  one.algorithm = values::quoted(scanner, "an algorithm in quotes, such as \"hmac-sha256\"");
  one.secret = values::quoted(scanner, "a key in quotes, in base64");
  if (!scanner.failed())
    if (const auto key = Tsig::parse(one.name, one.algorithm, one.secret); !key)
      scanner.error("this key can't be used: " + key.error().text);
  keep(reading, reading.configuration.tsig_keys, std::move(one));
}

void read_nsupdate(GreylistReading& reading, Origin origin) {
  constexpr std::uint32_t kMost = 65535;
  auto& scanner = reading.scanner;
  NsupdateDefinition one;
  one.origin = origin;
  one.name = name(scanner);
  if (!scanner.take('{')) scanner.expected("\"{\"");
  while (!scanner.failed() && !scanner.take('}')) {
    if (scanner.take_word("servers")) {
      one.servers = values::quoted(scanner, "servers in quotes");
      for (const auto server : table::split_list(one.servers))
        if (const auto good = DnsServer::parse(server); !good) scanner.error(good.error().text);
    } else if (scanner.take_word("rname")) {
      one.rname_format = values::quoted(scanner, "a name in quotes");
    } else if (scanner.take_word("rvalue")) {
      one.rvalue_format = values::quoted(scanner, "a value in quotes");
    } else if (scanner.take_word("ttl")) {
      one.ttl = values::duration(scanner);
    } else if (scanner.take_word("class")) {
      one.record_class = static_cast<std::uint16_t>(values::small_number(scanner, kMost));
    } else if (scanner.take_word("type")) {
      one.record_type = static_cast<std::uint16_t>(values::small_number(scanner, kMost));
      if (!is_update_type(*one.record_type))
        scanner.error("a record is of type 1 (A), 2 (NS), 5 (CNAME), 12 (PTR), 16 (TXT) or 28 (AAAA)");
    } else if (scanner.take_word("tsig")) {
      one.tsig = name(scanner);
    } else {
      scanner.expected("servers, rname, rvalue, ttl, class, type, tsig or \"}\"");
    }
  }
  if (!scanner.failed() && (one.rname_format.empty() || one.rvalue_format.empty()))
    scanner.error("an nsupdate has an rname and an rvalue: what is to be added");
  const auto& keys = reading.configuration.tsig_keys;
  if (!one.tsig.empty() &&
      std::none_of(keys.begin(), keys.end(), [&](const auto& key) { return key.name == one.tsig; }))
    scanner.error("there is no tsig \"" + one.tsig + "\" above: it is defined before it is used");
  keep(reading, reading.configuration.nsupdates, std::move(one));
}

/// One element of a list, between the braces.
Test read_element(GreylistReading& reading, const std::string& kind) {
  auto& scanner = reading.scanner;
  if (kind == "addr") return AddressTest{values::network(scanner)};
  if (const auto subject = subject_of(kind)) return read_text_test(reading, *subject);
  auto text = values::quoted(scanner, "a text in quotes");
  if (kind == "geoip") return CountryTest{std::move(text)};
  if (kind == "time") {
    std::size_t place = 0;
    auto times = CronTimes::parse(text, place);
    if (!times) scanner.error("these times can't be read: " + times.error().text);
    return times.value_or(CronTimes());
  }
  const auto defined = kind == "dnsrbl"     ? Defined::dnsrbl
                       : kind == "urlcheck" ? Defined::urlcheck
                                            : Defined::sm_macro;
  return DefinedTest{defined, find_defined(reading, defined, text)};
}

void read_list(GreylistReading& reading, Origin origin) {
  auto& scanner = reading.scanner;
  List one;
  one.origin = origin;
  one.name = name(scanner);
  const auto kind = scanner.word();
  const bool known = subject_of(kind) || kind == "addr" || kind == "geoip" || kind == "time" ||
                     kind == "dnsrbl" || kind == "urlcheck" || kind == "sm_macro" || kind == "p0f";
  if (!known) {
    constexpr std::string_view kWanted =
        "addr, domain, helo, from, rawfrom, rcpt, auth, tls, header, body, geoip, time, dnsrbl, urlcheck or "
        "sm_macro";
    if (kind.empty()) {
      scanner.expected(kWanted);
    } else {
      scanner.error("a list is of " + std::string(kWanted));
    }
  }
  if (!scanner.take('{')) scanner.expected("\"{\"");
  if (kind == "p0f") {
    while (!scanner.failed() && !scanner.take('}'))
      if (!scanner.quoted() && !scanner.regex()) scanner.expected("a text in quotes, or \"}\"");
    scanner.warning("p0f is retired: rules that name this list are left out");
    scanner.end();
    if (!scanner.failed()) reading.retired_lists.push_back(std::move(one.name));
    return;
  }
  while (!scanner.failed() && !scanner.take('}')) one.tests.push_back(read_element(reading, kind));
  if (!scanner.failed() && one.tests.empty()) scanner.warning("the list is empty: it never holds");
  keep(reading, reading.configuration.lists, std::move(one));
}

void read_stat(GreylistReading& reading) {
  auto& scanner = reading.scanner;
  StatSetting one;
  one.output = values::quoted(scanner, "an output in quotes: \">file\", \">>file\" or \"|command\"");
  const auto begin = one.output.find_first_not_of('>');
  const bool good = (one.output.starts_with('>') && begin != std::string::npos && begin <= 2) ||
                    (one.output.starts_with('|') && one.output.size() > 1);
  if (!good) scanner.error("the output is \">file\", \">>file\" or \"|command\"");
  one.format = values::quoted(scanner, "a text in quotes");
  scanner.end();
  if (!scanner.failed()) reading.configuration.stat = std::move(one);
}

void read_peer(GreylistReading& reading, Origin origin) {
  auto& scanner = reading.scanner;
  Peer one;
  one.origin = origin;
  one.host = scanner.run([](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
           c == ':' || c == '-' || c == '_';
  });
  if (one.host.empty()) scanner.expected("the address or name of a peer");
  if (scanner.take_word("timeout")) one.timeout = values::duration(scanner);
  scanner.end();
  if (!scanner.failed()) reading.configuration.peers.push_back(std::move(one));
}

}  // namespace

bool read_definition(GreylistReading& reading, std::string_view word, Origin origin) {
  if (word == "dnsrbl") {
    read_dnsrbl(reading, origin);
  } else if (word == "sm_macro") {
    read_macro(reading, origin);
  } else if (word == "ratelimit") {
    read_ratelimit(reading, origin);
  } else if (word == "urlcheck") {
    read_urlcheck(reading, origin);
  } else if (word == "ldapconf") {
    read_ldapconf(reading);
  } else if (word == "ldapcheck") {
    read_ldapcheck(reading, origin);
  } else if (word == "tsig") {
    read_tsig(reading, origin);
  } else if (word == "nsupdate") {
    read_nsupdate(reading, origin);
  } else if (word == "list") {
    read_list(reading, origin);
  } else if (word == "stat") {
    read_stat(reading);
  } else if (word == "peer") {
    read_peer(reading, origin);
  } else {
    return false;
  }
  return true;
}

}  // namespace hikyaku::config
