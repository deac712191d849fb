// Restrictions on names, and those that need DNS.
#include <algorithm>
#include <utility>

#include "base/escape.h"
#include "base/hostname.h"
#include "policy/dnsbl.h"
#include "policy/evaluation.h"
#include "policy/reply_words.h"
#include "table/fold.h"

namespace hikyaku::policy {
namespace {

using Kind = Restriction::Kind;
using Outcome = Evaluation::Outcome;
using Type = DnsQuestion::Type;
using Status = DnsAnswer::Status;

constexpr std::size_t kMostServers = 50;
constexpr std::size_t kLongestReason = 500;

std::string about(std::string_view name, std::string_view what, std::string_view words) {
  std::string text = "<";
  return text.append(name).append(">: ").append(what).append(" rejected: ").append(words);
}

/// One dot at the end does not count, two do.
std::string_view without_dot(std::string_view name) {
  if (name.size() > 1 && name.ends_with('.') && name[name.size() - 2] != '.') name.remove_suffix(1);
  return name;
}

bool is_literal(std::string_view domain) { return domain.starts_with('[') && domain.ends_with(']'); }

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

/// "[192.0.2.1]" or "[IPv6:2001:db8::1]" without its brackets.
std::optional<table::Ip> literal_address(std::string_view domain) {
  if (!is_literal(domain)) return std::nullopt;
  auto inside = domain.substr(1, domain.size() - 2);
  constexpr std::string_view kTag = "ipv6:";
  const bool tagged = table::equal_ascii_nocase(inside.substr(0, kTag.size()), kTag);
  if (tagged) inside.remove_prefix(kTag.size());
  auto ip = table::Ip::parse_unmapped(inside);
  if (!ip || (ip->family() == table::Ip::Family::v6) != tagged) return std::nullopt;
  return ip;
}

std::string_view domain_of(std::string_view address) {
  const auto at = address.rfind('@');
  return at == std::string_view::npos ? address : address.substr(at + 1);
}

bool is_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// The domain of reject_rbl_client "list.example=127.0.0.2", and its filter.
std::pair<std::string_view, std::string_view> split_filter(std::string_view list) {
  const auto equals = list.find('=');
  return {list.substr(0, equals),
          equals == std::string_view::npos ? std::string_view() : list.substr(equals + 1)};
}

/// What a client may put into a reply: printable ASCII.
std::string printable(std::string text) {
  for (char& c : text) {
    if (c != '\t' && (c < 32 || c > 126)) c = '_';
  }
  return text;
}

}  // namespace

const DnsAnswer* Evaluation::ask(const std::string& name, Type type) {
  const auto* answer = request_.dns.find({name, type});
  if (answer == nullptr) verdict_.questions.push_back({name, type});
  return answer;
}

Evaluation::Existence Evaluation::existence(const std::string& name, std::initializer_list<Type> types) {
  if (!is_hostname(name)) return Existence::missing;
  bool temporary = false;
  for (const auto type : types) {
    const auto* answer = ask(name, type);
    if (answer == nullptr) return Existence::not_known;
    const auto& records = answer->records;
    if (answer->status == Status::found) {
      const bool null_mx =
          type == Type::mx && records.size() == 1 && (records[0].empty() || records[0] == ".");
      return null_mx ? Existence::null_mx : Existence::exists;
    }
    if (answer->status == Status::malformed && type == *types.begin() && type == Type::mx)
      return Existence::malformed;
    temporary = temporary || answer->status != Status::none;
  }
  return temporary ? Existence::temporary : Existence::missing;
}

Outcome Evaluation::bad_helo_literal() {
  const auto helo = *request_.helo;
  if (literal_address(helo)) return not_so("the HELO name is no valid address literal", helo);
  return refuse(Cause::policy, settings_.codes.invalid_hostname, "5.5.2",
                about(helo, subject::kHelo, "invalid ip address"));
}

Outcome Evaluation::invalid_helo() {
  const auto helo = *request_.helo;
  if (helo.starts_with('[')) return bad_helo_literal();
  const auto name = without_dot(helo);
  if ((is_hostname(name) && is_ascii(name)) || table::Ip::parse_unmapped(name)) {
    return not_so("the HELO name is malformed", helo);
  }
  return refuse(Cause::policy, settings_.codes.invalid_hostname, "5.5.2",
                about(helo, subject::kHelo, "Invalid name"));
}

Outcome Evaluation::incomplete_helo() {
  const auto helo = *request_.helo;
  if (helo.starts_with('[')) return bad_helo_literal();
  const auto name = without_dot(helo);
  if (is_hostname(name) && name.find('.') != std::string_view::npos &&
      (is_ascii(name) || request_.smtputf8)) {
    return not_so("the HELO name is not fully qualified", helo);
  }
  return refuse(Cause::policy, settings_.codes.non_fqdn, "5.5.2",
                about(helo, subject::kHelo, "need fully-qualified hostname"));
}

Outcome Evaluation::unknown_helo() {
  const auto helo = *request_.helo;
  if (helo.starts_with('[')) return bad_helo_literal();
  switch (existence(std::string(without_dot(helo)), {Type::a, Type::aaaa, Type::mx})) {
    case Existence::not_known:
      return Outcome::needs_dns;
    case Existence::exists:
    case Existence::null_mx:
      return not_so("the HELO name has no address and no MX in DNS", helo);
    case Existence::temporary:
      return defer_if_permit(settings_.unknown_helo_temporary, 450, "4.7.1",
                             about(helo, subject::kHelo, "Host not found"));
    case Existence::malformed:
    case Existence::missing:
      break;
  }
  return refuse(Cause::policy, settings_.codes.unknown_hostname, "4.7.1",
                about(helo, subject::kHelo, "Host not found"));
}

Outcome Evaluation::incomplete_address(const mail::Address& address, std::string_view reply_class) {
  const auto& domain = address.domain();
  if (is_literal(domain)) return not_so("the address is not fully qualified", domain);
  const auto name = without_dot(domain);
  if (is_hostname(name) && name.find('.') != std::string_view::npos &&
      (is_ascii(name) || request_.smtputf8)) {
    return not_so("the address is not fully qualified", address.internal());
  }
  return refuse(Cause::policy, settings_.codes.non_fqdn, "4.5.2",
                about(address.internal(), reply_class, "need fully-qualified address"));
}

Outcome Evaluation::unknown_domain(const mail::Address& address, std::string_view reply_class) {
  const auto name = address.internal();
  const auto& resolution = resolved(address, reply_class);
  if (!resolution) return lookup_failed(name, resolution.error());
  const auto& domain = resolution->address.domain();
  const bool of_sender = reply_class == subject::kSender;
  const std::string_view enhanced = of_sender ? "4.1.8" : "4.1.2";
  if (resolution->domain_class != DomainClass::relay && resolution->domain_class != DomainClass::other) {
    return not_so("the domain is not ours", domain);
  }
  if (is_literal(domain)) return not_so("the domain is a name", domain);
  switch (existence(domain, {Type::mx, Type::a, Type::aaaa})) {
    case Existence::not_known:
      return Outcome::needs_dns;
    case Existence::exists:
      return not_so("the domain has no MX and no address in DNS", domain);
    case Existence::null_mx:
      return refuse(Cause::policy, of_sender ? 550 : 556, of_sender ? "4.7.27" : "4.1.10",
                    about(name, reply_class, "Domain " + domain + " does not accept mail (nullMX)"));
    case Existence::temporary:
      return defer_if_permit(settings_.unknown_address_temporary, 450, enhanced,
                             about(name, reply_class, "Domain not found"));
    case Existence::malformed:
      return refuse(Cause::policy, settings_.codes.unknown_address, enhanced,
                    about(name, reply_class, "Malformed DNS server reply"));
    case Existence::missing:
      break;
  }
  return refuse(Cause::policy, settings_.codes.unknown_address, enhanced,
                about(name, reply_class, "Domain not found"));
}

Evaluation::Listed Evaluation::listed(std::string_view query_prefix, std::string_view list,
                                      std::string& reason) {
  const auto [domain, filter] = split_filter(list);
  auto query = table::ascii_lower(query_prefix);
  query += domain;
  seen_.keys.add(query);
  const auto* answer = ask(query, Type::a);
  if (answer == nullptr) return Listed::not_known;
  // A list that can't be asked blocks nobody.
  if (answer->status == Status::temporary || answer->status == Status::malformed) {
    verdict_.warnings.push_back(query + ": RBL lookup error");
    return Listed::temporary;
  }
  if (answer->status != Status::found) return Listed::no;
  const auto& found = answer->records;
  if (!filter.empty() && std::none_of(found.begin(), found.end(), [f = filter](const std::string& address) {
        return matches_filter(f, address);
      })) {
    return Listed::no;
  }
  const auto* text = ask(query, Type::txt);
  if (text == nullptr) return Listed::not_known;
  if (text->status != Status::found) return Listed::yes;
  for (const auto& record : text->records) {
    if (reason.size() >= kLongestReason) break;
    if (!reason.empty()) reason += " / ";
    reason += record;
  }
  if (reason.size() > kLongestReason) reason.resize(kLongestReason);
  return Listed::yes;
}

Outcome Evaluation::refuse_listed_address(const Restriction& one) {
  const auto& client = request_.client;
  if (!client.ip) return not_so("the client has an address", "none");
  std::string reason;
  switch (listed(client.ip->reversed(), one.argument, reason)) {
    case Listed::not_known:
      return Outcome::needs_dns;
    case Listed::temporary:
      return not_so("the list can be asked", client.address);
    case Listed::no:
      return not_so("client address is in the list", client.address);
    case Listed::yes:
      break;
  }
  seen_.operand = client.address;
  return listed_reply(one.argument, client.address, subject::kClient, reason);
}

Outcome Evaluation::refuse_listed_name(const Restriction& one, std::string_view name,
                                       std::string_view reply_class) {
  const auto domain = domain_of(name);
  if (domain.empty() || table::equal_ascii_nocase(name, "unknown")) return not_so("there is a name", name);
  const auto dot = domain.rfind('.');
  if (domain.starts_with('[') || !is_hostname(domain) ||
      is_digits(dot == std::string_view::npos ? domain : domain.substr(dot + 1))) {
    return not_so("the name is a domain", domain);
  }
  std::string reason;
  switch (listed(std::string(domain) + ".", one.argument, reason)) {
    case Listed::not_known:
      return Outcome::needs_dns;
    case Listed::temporary:
      return not_so("the list can be asked", domain);
    case Listed::no:
      return not_so("the domain is in the list", domain);
    case Listed::yes:
      break;
  }
  seen_.operand = domain;
  return listed_reply(one.argument, name, reply_class, reason);
}

Outcome Evaluation::permit_listed(const Restriction& one, std::string_view prefix, std::string_view shown) {
  const auto& client = request_.client;
  const bool by_address = one.kind == Kind::permit_dnswl_client;
  if (by_address ? !client.ip : !is_hostname(prefix) || table::equal_ascii_nocase(prefix, "unknown")) {
    return not_so("the client has a name or address to look up", shown);
  }
  if (request_.recipient != nullptr) {
    // A list of friends must not make an open relay.
    const auto& resolution = resolved(*request_.recipient, subject::kRecipient);
    if (!resolution) return lookup_failed(request_.recipient->internal(), resolution.error());
    if (!authorized(*resolution))
      return not_so("recipient domain is ours or in relay_domains", resolution->address.domain());
  }
  std::string reason;
  switch (listed(by_address ? client.ip->reversed() : std::string(prefix) + ".", one.argument, reason)) {
    case Listed::not_known:
      return Outcome::needs_dns;
    case Listed::no:
      return not_so("the client is in the list", shown);
    case Listed::temporary:
      defer_if_reject(450, "4.7.1", about(shown, subject::kClient, "Service unavailable"));
      return not_so("the list can be asked", shown);
    case Listed::yes:
      break;
  }
  seen_.operand = shown;
  return Outcome::permit;
}

Outcome Evaluation::listed_reply(std::string_view list, std::string_view what, std::string_view reply_class,
                                 std::string_view reason) {
  const std::string domain(split_filter(list).first);
  const auto value = [&](std::string_view name) -> std::optional<std::string> {
    const auto address_part = [&](const mail::Address* address, std::string_view part) {
      if (address == nullptr) return std::string();
      return part == "name" ? address->local() : part == "domain" ? address->domain() : address->internal();
    };
    if (name == "rbl_code") return std::to_string(settings_.codes.maps_rbl);
    if (name == "rbl_domain") return domain;
    if (name == "rbl_reason" || name == "rbl_txt") return printable(std::string(reason));
    if (name == "rbl_what") return printable(std::string(what));
    if (name == "rbl_class") return std::string(reply_class);
    if (name == "client") return printable(request_.client.text());
    if (name == "client_address") return std::string(request_.client.address);
    if (name == "client_name") return printable(std::string(request_.client.name));
    if (name == "reverse_client_name") return printable(std::string(request_.client.reverse_name));
    if (name == "helo_name") return printable(std::string(request_.helo.value_or("")));
    for (const auto& [prefix, address] : {std::pair(std::string_view("sender"), request_.sender),
                                          std::pair(std::string_view("recipient"), request_.recipient)}) {
      if (!name.starts_with(prefix)) continue;
      const auto part = name.substr(prefix.size());
      if (part.empty() || part == "_name" || part == "_domain")
        return printable(address_part(address, part.empty() ? part : part.substr(1)));
    }
    return std::nullopt;
  };
  std::optional<std::string> reply;
  const auto special = settings_.rbl_replies.find(list, nullptr);
  if (!special) return server_error("rbl_reply_maps: " + special.error().text);
  if (*special) {
    reply = expand_template((*special)->value, value);
    if (!reply) verdict_.warnings.push_back("rbl_reply_maps: bad template for " + domain);
  }
  if (!reply) reply = expand_template(settings_.default_rbl_reply, value);
  const bool usable = reply && reply->size() > 4 && ((*reply)[0] == '4' || (*reply)[0] == '5') &&
                      is_digits(std::string_view(*reply).substr(0, 3)) && (*reply)[3] == ' ';
  if (!usable) {
    verdict_.warnings.push_back("reply of " + domain + " begins with no reply code");
    return refuse(Cause::policy, 450, "4.7.1", "Service unavailable");
  }
  const int code = std::stoi(reply->substr(0, 3));
  const auto coded = split_enhanced(std::string_view(*reply).substr(4), "4.7.1");
  return refuse(Cause::policy, code, fit_enhanced(coded.enhanced, reply_class),
                coded.text.empty() ? "Service unavailable" : std::string(coded.text));
}

Outcome Evaluation::apply_to_servers(const Restriction& one, const Stage& stage) {
  const auto& client = request_.client;
  const auto type = [&] {
    switch (one.kind) {
      case Kind::check_client_mx_access:
      case Kind::check_reverse_client_mx_access:
      case Kind::check_helo_mx_access:
      case Kind::check_sender_mx_access:
      case Kind::check_recipient_mx_access:
        return Type::mx;
      case Kind::check_client_ns_access:
      case Kind::check_reverse_client_ns_access:
      case Kind::check_helo_ns_access:
      case Kind::check_sender_ns_access:
      case Kind::check_recipient_ns_access:
        return Type::ns;
      default:
        return Type::a;
    }
  }();
  const auto of_address = [&](const mail::Address* address, std::string_view reply_class) {
    if (address == nullptr || address->null()) return not_so("there is an address", "<>");
    const auto name = address->internal();
    return look_up_servers(one, name, type, name, reply_class, stage);
  };
  if (one.kind >= Kind::check_recipient_mx_access) return of_address(request_.recipient, subject::kRecipient);
  if (one.kind >= Kind::check_sender_mx_access) return of_address(request_.sender, subject::kSender);
  if (one.kind >= Kind::check_helo_mx_access) {
    if (!request_.helo) return not_so("the client has said HELO", "no HELO");
    return look_up_servers(one, *request_.helo, type, *request_.helo, subject::kHelo, stage);
  }
  const bool reverse = one.kind >= Kind::check_reverse_client_mx_access;
  const auto name = reverse ? client.reverse_name : client.name;
  if (table::equal_ascii_nocase(name, "unknown")) return not_so("the client has a host name", "unknown");
  return look_up_servers(one, name, type, reverse ? std::string(name) : client.text(),
                         reverse ? subject::kReverseClient : subject::kClient, stage);
}

std::optional<std::vector<std::string>> Evaluation::servers_of(std::string domain, Type type,
                                                               Outcome& outcome) {
  if (type == Type::a) return std::vector<std::string>{std::move(domain)};
  const auto* answer = ask(domain, type);
  // A name without NS records of its own is in the zone of a parent.
  for (auto zone = std::string_view(domain);
       answer != nullptr && answer->status == Status::none && type == Type::ns;) {
    const auto dot = zone.find('.');
    if (dot == std::string_view::npos || dot + 1 == zone.size()) break;
    zone.remove_prefix(dot + 1);
    answer = ask(std::string(zone), type);
  }
  if (answer == nullptr) {
    outcome = Outcome::needs_dns;
    return std::nullopt;
  }
  if (answer->status == Status::none && type == Type::mx) return std::vector<std::string>{std::move(domain)};
  if (answer->status != Status::found) {
    verdict_.warnings.push_back("unable to look up " + std::string(type == Type::mx ? "MX" : "NS") +
                                " host for " + domain);
    return std::nullopt;
  }
  auto servers = answer->records;
  if (servers.size() > kMostServers) servers.resize(kMostServers);
  std::erase_if(servers, [](const std::string& host) { return host.empty() || host == "."; });
  return servers;
}

Outcome Evaluation::look_up_servers(const Restriction& one, std::string_view name, Type type,
                                    std::string_view reply_name, std::string_view reply_class,
                                    const Stage& stage) {
  const auto domain = domain_of(name);
  bool found = false;
  // OK would let anybody in who can write a DNS record.
  const auto checked = [&](Outcome outcome) {
    if (outcome != Outcome::permit || discard_) return outcome;
    return server_error("restriction " + one.text + " returns OK for " + escaped(name, 100) +
                        "; use DUNNO for an exception");
  };
  const auto by_address = [&](const table::Ip& ip) {
    return act_on(one, table::find_access_ip(one.map, ip, &seen_.keys), reply_name, reply_class, stage,
                  found);
  };
  if (domain.starts_with('[')) {
    const auto ip = literal_address(domain);
    if (!ip || type == Type::ns) return not_so("the domain is a name", domain);
    return checked(by_address(*ip));
  }
  if (!is_hostname(domain)) return not_so("the domain is a name", domain);
  auto outcome = Outcome::undecided;
  const auto servers = servers_of(std::string(domain), type, outcome);
  if (!servers) return outcome == Outcome::needs_dns ? outcome : not_so("its servers are known", domain);
  for (const auto& server : *servers) {
    if (type != Type::a) {
      outcome = act_on(one, table::find_access_domain(one.map, server, settings_.access_parents, &seen_.keys),
                       reply_name, reply_class, stage, found);
      if (found) return checked(outcome);
    }
    for (const auto family : {Type::a, Type::aaaa}) {
      const auto* answer = ask(server, family);
      if (answer == nullptr) return Outcome::needs_dns;
      for (const auto& address : answer->records) {
        const auto ip = table::Ip::parse(address);
        if (!ip) continue;
        outcome = by_address(*ip);
        if (found) return checked(outcome);
      }
    }
  }
  return not_so("the table has one of its servers", domain);
}

}  // namespace hikyaku::policy
