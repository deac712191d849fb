#include <algorithm>
#include <utility>

#include "greylist/clause_check.h"

#include "table/fold.h"

// The tests that ask somebody else: the DNS, counters, checks by URL and LDAP.

namespace hikyaku::greylist {
namespace {

using Outcome = ClauseCheck::Outcome;

constexpr std::size_t kMostMxHosts = 20;

std::string_view domain_of(std::string_view address) {
  const auto at = address.rfind('@');
  return at == std::string_view::npos ? std::string_view() : address.substr(at + 1);
}

/// What is put into a URL must not end the part of it in which it stands (RFC 3986 s. 2.1).
std::string url_encoded(std::string_view value) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : value) {
    const auto octet = static_cast<unsigned char>(c);
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
        c == '.' || c == '~') {
      out += c;
    } else {
      out.append({'%', kHex[octet >> 4], kHex[octet & 15]});
    }
  }
  return out;
}

/// The same for a filter in an LDAP URL, where some octets would mean more than themselves (RFC 4515 s. 3).
std::string filter_encoded(std::string_view value) {
  constexpr std::string_view kHex = "0123456789abcdef", kSpecial("*()\\\0", 5);
  std::string out;
  for (const char c : value) {
    const auto octet = static_cast<unsigned char>(c);
    if (kSpecial.find(c) == std::string_view::npos) {
      out += c;
    } else {
      out.append({'\\', kHex[octet >> 4], kHex[octet & 15]});
    }
  }
  return url_encoded(out);
}

}  // namespace

const DnsAnswer* ClauseCheck::ask(const std::string& name, DnsQuestion::Type type) {
  DnsQuestion question{name, type};
  if (const auto* answer = answers_.dns.find(question)) return answer;
  want(std::move(question));
  return nullptr;
}

void ClauseCheck::want(DnsQuestion question) {
  auto& [dns, checks, ahead] = questions_;
  const auto has = [&](const std::vector<DnsQuestion>& all) {
    return std::find(all.begin(), all.end(), question) != all.end();
  };
  if (has(dns) || has(ahead)) return;
  if (!ahead_) {
    dns.push_back(std::move(question));
  } else if (dns.size() + ahead.size() < kMostAsked) {
    ahead.push_back(std::move(question));
  }
}

Outcome ClauseCheck::dnsrbl(const DnsrblDefinition& definition) {
  if (!facts_.client) return Outcome::no;
  const bool v6 = definition.answers.base().family() == table::Ip::Family::v6;
  const auto name = facts_.client->reversed() + definition.domain;
  const auto* answer = ask(name, v6 ? DnsQuestion::Type::aaaa : DnsQuestion::Type::a);
  if (answer == nullptr) return Outcome::open;
  operand_ = name;
  if (answer->status == DnsAnswer::Status::temporary) return Outcome::not_known;
  for (const auto& record : answer->records) {
    const auto ip = table::Ip::parse(record);
    if (!ip || !definition.answers.contains(*ip)) continue;
    auto& listed = decision_.dnsrbls;
    if (std::find(listed.begin(), listed.end(), definition.name) == listed.end())
      listed.push_back(definition.name);
    context_.dnsrbls = listed;
    return Outcome::yes;
  }
  return Outcome::no;
}

Outcome ClauseCheck::ratelimit(std::size_t index) {
  const auto& definition = configuration_.ratelimits[index];
  const auto key = expanded(definition.key_format.empty() ? "%i" : definition.key_format);
  std::int64_t amount = 0;
  switch (definition.counted) {
    case RatelimitDefinition::Counted::rcpt:
      amount = stage_ == Stage::recipient ? 1 : static_cast<std::int64_t>(facts_.accepted.size());
      break;
    case RatelimitDefinition::Counted::session:
      amount = facts_.accepted.empty() ? 1 : 0;
      break;
    case RatelimitDefinition::Counted::data:
      amount = facts_.message_size;
      break;
  }
  decision_.uses.push_back({index, key, amount});
  const auto total = answers_.used(definition, key) + amount;
  operand_ = std::to_string(total) + " of " + std::to_string(definition.limit) + " for " + key;
  return outcome(total > definition.limit);
}

Outcome ClauseCheck::remote_check(Defined kind, std::size_t index, const std::string& format, bool clear) {
  const bool plain = kind == Defined::urlcheck ? configuration_.urlchecks[index].noencode
                                               : configuration_.ldapchecks[index].noescape;
  CheckQuestion question{
      kind, index,
      expand(format, facts_, context_,
             plain ? Encode() : Encode(kind == Defined::urlcheck ? url_encoded : filter_encoded))};
  operand_ = question.url;
  const auto found = answers_.checks.find(question);
  if (found == answers_.checks.end()) {
    if (!ahead_) questions_.checks.push_back(std::move(question));
    return Outcome::open;
  }
  if (!found->second.answered) return Outcome::not_known;
  for (const auto& [name, value] : found->second.properties)
    properties_.push({table::ascii_lower(name), table::ascii_lower(value), facts_.recipient, clear});
  const auto& answer = found->second;
  if (!answer.said.empty()) operand_.append(" says ").append(answer.said);
  take_overrides(answer.overrides, question.url);
  return outcome(answer.matched);
}

void ClauseCheck::take_overrides(const RuleOverride& overrides, const std::string& check) {
  const auto take = [](const auto& said, auto& kept) {
    if (said) kept = said;
  };
  take(overrides.action, overrides_.action);
  // A message can't be put off by greylisting, its recipients have been taken: in milter-greylist it passes.
  if (overrides.action == Action::greylist && stage_ == Stage::message) {
    overrides_.action = Action::whitelist;
    decision_.log_lines.push_back(check +
                                  " says milterGreylistAction: greylist at the end of a message: it passes");
  }
  take(overrides.tarpit, overrides_.tarpit);
  auto& values = overrides_.values;
  take(overrides.values.delay, values.delay);
  take(overrides.values.autowhite, values.autowhite);
  take(overrides.values.code, values.code);
  take(overrides.values.ecode, values.ecode);
  take(overrides.values.msg, values.msg);
  take(overrides.values.report, values.report);
  values.flushaddr = values.flushaddr || overrides.values.flushaddr;
  values.nolog = values.nolog || overrides.values.nolog;
}

Outcome ClauseCheck::apply(const MxTest& test) {
  const std::string domain(domain_of(without_brackets(facts_.sender)));
  operand_ = domain;
  if (!facts_.client || domain.empty()) return Outcome::no;
  const auto* servers = ask(domain, DnsQuestion::Type::mx);
  if (servers == nullptr) return Outcome::open;
  if (servers->status == DnsAnswer::Status::temporary) return Outcome::not_known;
  const bool v6 = facts_.client->family() == table::Ip::Family::v6;
  const auto prefix = std::min(test.prefix, facts_.client->bits());
  const auto network = facts_.client->masked(prefix);
  bool open = false, lost = false;
  std::size_t looked_at = 0;
  for (const auto& host : servers->records) {
    if (host.empty() || host == "." || ++looked_at > kMostMxHosts) continue;
    const auto* addresses = ask(host, v6 ? DnsQuestion::Type::aaaa : DnsQuestion::Type::a);
    if (addresses == nullptr) {
      open = true;
      continue;
    }
    lost = lost || addresses->status == DnsAnswer::Status::temporary;
    for (const auto& record : addresses->records) {
      const auto ip = table::Ip::parse(record);
      if (ip && ip->family() == network.family() && ip->masked(prefix) == network) return Outcome::yes;
    }
  }
  if (open) return Outcome::open;
  return lost ? Outcome::not_known : Outcome::no;
}

Outcome ClauseCheck::apply(const SpfTest& test) {
  if (!facts_.client) return Outcome::no;
  SpfRequest request{*facts_.client, facts_.helo, std::string(without_brackets(facts_.sender)),
                     std::string(facts_.macro("j").value_or("")), facts_.now};
  if (test.status == SpfWord::self) {
    const auto told = facts_.macro("{if_addr}");
    const auto own = told ? table::Ip::parse(*told) : configuration_.localaddr.value;
    operand_ = "the address of this host is not known";
    if (!own) return Outcome::no;
    request.client = *own;
  }
  auto result = check_spf(request, answers_.dns);
  if (auto* open = std::get_if<std::vector<DnsQuestion>>(&result)) {
    for (auto& question : *open) want(std::move(question));
    return Outcome::open;
  }
  const auto& found = std::get<SpfResult>(result);
  operand_ = std::string(text(found.status)) + " for " + found.domain;
  if (test.status != SpfWord::self) {
    context_.spf_result = text(found.status);
    decision_.spf = found;
  }
  return outcome(holds(test.status, found));
}

Outcome ClauseCheck::apply(const DkimTest& test) {
  operand_ = answers_.dkim ? text(*answers_.dkim) : "not checked";
  if (!answers_.dkim) return Outcome::not_known;
  return outcome(*answers_.dkim == test.status);
}

}  // namespace hikyaku::greylist
