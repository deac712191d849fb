#include "policy/applicable_condition.h"

#include <algorithm>
#include <array>
#include <functional>

#include "base/escape.h"
#include "policy/dnsbl.h"

namespace hikyaku::policy {
namespace {

char lower(char octet) { return octet >= 'A' && octet <= 'Z' ? static_cast<char>(octet - 'A' + 'a') : octet; }

bool same(std::string_view left, std::string_view right) {
  return std::ranges::equal(left, right, {}, lower, lower);
}

std::string quoted(std::string_view text) { return "\"" + escaped(text, 200) + "\""; }

std::optional<std::string_view> macro(const StageFacts& facts, std::string_view name) {
  if (facts.macros == nullptr) return std::nullopt;
  for (const auto& [is, value] : *facts.macros)
    if (is == name) return value;
  return std::nullopt;
}

std::optional<table::Ip> address_of(const MilterClient& client) {
  if (client.family != MilterClient::Family::inet && client.family != MilterClient::Family::inet6)
    return std::nullopt;
  auto text = client.address;
  if (text.size() > 5 && same(text.substr(0, 5), "ipv6:")) text.remove_prefix(5);
  return table::Ip::parse(text);
}

std::string client_text(const MilterClient& client) {
  return escaped(client.name, 200) +
         (client.address.empty() ? "" : " [" + escaped(client.address, 100) + "]");
}

bool under_stress(std::size_t threshold, const StageFacts& facts) {
  return threshold > 0 && facts.sessions >= threshold;
}

/// The answer of one condition: it stops because of `because`, or it does not.
using Because = std::optional<std::string>;

/// What is known at a stage, with what conditions have told there so far.
class Known {
 public:
  explicit Known(const StageFacts& facts) : facts_(facts) {}
  const StageFacts& facts() const { return facts_; }
  void add(std::string_view name, std::string_view value) {
    if (facts_.macros != &macros_) {
      if (facts_.macros != nullptr) macros_ = *facts_.macros;
      facts_.macros = &macros_;
    }
    std::string key(name);
    if (key.size() > 1 && !key.starts_with('{')) key = "{" + key + "}";
    std::erase_if(macros_, [&key](const auto& macro) { return macro.first == key; });
    macros_.emplace_back(std::move(key), value);
  }

 private:
  StageFacts facts_;
  MacroValues macros_;
};

/// Asks the matchers of a condition, and keeps what goes wrong.
class Asking {
 public:
  Asking(Known& known, MessageMemory& kept, RubyStopperPort* ruby, StageDecision& decision)
      : facts(known.facts()), memory(kept), known_(known), ruby_(ruby), decision_(decision) {}

  const StageFacts& facts;
  MessageMemory& memory;

  /// The first of them that matches, in words; nullopt: none. One that can't be asked does not match.
  std::optional<std::string> first_match(const std::vector<Matcher>& matchers, std::string_view subject) {
    for (const auto& matcher : matchers) {
      if (const auto* text = std::get_if<std::string>(&matcher)) {
        if (same(*text, subject)) return quoted(*text);
      } else if (const auto* pattern = std::get_if<table::RubyPattern>(&matcher)) {
        const auto groups = pattern->match(subject);
        if (!groups)
          decision_.failures.push_back(groups.error().text);
        else if (*groups)
          return pattern->text();
      } else if (ask(std::get<RubyBlock>(matcher), subject)) {
        return "a block of the configuration";
      }
    }
    return std::nullopt;
  }

  /// A block that fails says no.
  bool ask(const RubyBlock& block, std::optional<std::string_view> matched) {
    if (ruby_ == nullptr) {
      decision_.failures.push_back("Ruby is needed, and can't be asked here");
      return false;
    }
    auto answer = ruby_->ask(block, facts, memory.shelf, matched);
    if (!answer) {
      decision_.failures.push_back(answer.error().text);
      return false;
    }
    for (const auto& [name, value] : answer->macros) tell(name, value);
    for (auto& line : answer->log) decision_.log.push_back(std::move(line));
    memory.shelf = std::move(answer->shelf);
    return answer->value;
  }
  void tell(std::string_view name, std::string_view value) {
    decision_.macros.emplace_back(name, value);
    known_.add(name, value);
  }
  void failed(std::string why) { decision_.failures.push_back(std::move(why)); }

 private:
  Known& known_;
  RubyStopperPort* ruby_;
  StageDecision& decision_;
};

// S25R: what the names of users' lines have in common (http://www.gabacho-net.jp/en/anti-spam/). The first
// two are for clients without a name.
struct S25rRule {
  const char* name;
  const char* pattern;
  bool ignore_case = false;
};
constexpr std::array<S25rRule, 8> kS25rRules{{
    {"no name", R"(\Aunknown\z)"},
    {"an address for a name", R"(\A\[.+\]\z)"},
    {"rule 1: two numbers apart in the first label", R"(\A[^.]*\d[^\d.]+\d.*\.)"},
    {"rule 2: five digits in the first label", R"(\A[^.]*\d{5})"},
    {"rule 3: a label that begins with a digit, far from the top",
     R"(\A(?:[^.]+\.)?\d[^.]*\.[^.]+\..+\.[a-z])", true},
    {"rule 4: a first label that ends in a digit, and digits with a hyphen in the second",
     R"(\A[^.]*\d\.[^.]*\d-\d)"},
    {"rule 5: two labels that end in digits, far from the top", R"(\A[^.]*\d\.[^.]*\d\.[^.]+\..+\.)"},
    {"rule 6: dhcp, dialup, ppp or dsl, and a digit", R"(\A(?:dhcp|dialup|ppp|[achrsvx]?dsl)[^.]*\d)", true},
}};

/// nullptr: the name is that of a server.
const char* s25r_rule(std::string_view name) {
  static const auto patterns = [] {
    std::vector<table::RubyPattern> compiled;
    for (const auto& rule : kS25rRules)
      compiled.push_back(
          table::RubyPattern::compile(rule.pattern, {.ignore_case = rule.ignore_case}).value());
    return compiled;
  }();
  for (std::size_t rule = 0; rule < patterns.size(); ++rule)
    // A name that is given up on looks like nothing that a server has.
    if (const auto groups = patterns[rule].match(name); !groups || *groups) return kS25rRules[rule].name;
  return nullptr;
}

Because decide(const S25r& s25r, Asking& asking) {
  if (asking.facts.stage != MilterStage::connect) return std::nullopt;
  const auto& client = asking.facts.client;
  if (s25r.only_ipv4 && client.family != MilterClient::Family::inet)
    return client_text(client) + " is not a client over IPv4";
  if (const auto white = asking.first_match(s25r.whitelist, client.name))
    return client_text(client) + " is on the whitelist: " + *white;
  if (s25r_rule(client.name) != nullptr) return std::nullopt;
  if (asking.first_match(s25r.blacklist, client.name)) return std::nullopt;
  return client_text(client) + " has the name of a server: none of the S25R rules matches it";
}

Because decide(const RemoteNetwork& networks, Asking& asking) {
  if (asking.facts.stage != MilterStage::connect) return std::nullopt;
  const auto& client = asking.facts.client;
  if (client.family == MilterClient::Family::local)
    return client_text(client) + " is a socket of this machine";
  const auto ip = address_of(client);
  if (!ip) return std::nullopt;
  const auto in = [&](const std::vector<table::Network>& list) {
    return std::ranges::find_if(list, [&](const auto& network) { return network.contains(*ip); });
  };
  if (in(networks.remote) != networks.remote.end()) return std::nullopt;
  if (const auto found = in(networks.local); found != networks.local.end())
    return client_text(client) + " is in the local network " + found->text();
  static const auto own = [] {
    std::vector<table::Network> list;
    for (const auto* network :
         {"127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fe80::/10", "fc00::/7"})
      list.push_back(table::Network::parse(network).value());
    return list;
  }();
  if (const auto found = in(own); found != own.end())
    return client_text(client) + " is in a network for local use, " + found->text();
  return std::nullopt;
}

Because authenticated(const StageFacts& facts) {
  for (const auto* name : {"{auth_type}", "{auth_authen}"})
    if (const auto value = macro(facts, name); value && !value->empty())
      return std::string(name) + " is " + quoted(*value);
  return std::nullopt;
}

Because decide(const Authenticated&, Asking& asking) {
  if (asking.facts.stage != MilterStage::envelope_from || authenticated(asking.facts)) return std::nullopt;
  return "the sender is not authenticated: neither {auth_type} nor {auth_authen} is told";
}

Because decide(const Unauthenticated&, Asking& asking) {
  if (asking.facts.stage != MilterStage::envelope_from) return std::nullopt;
  if (const auto why = authenticated(asking.facts)) return "the sender is authenticated: " + *why;
  return std::nullopt;
}

Because decide(const SendmailCompatible&, Asking& asking) {
  const auto version = macro(asking.facts, "v");
  if (!version || std::ranges::search(*version, std::string_view("postfix"), {}, lower).empty())
    return std::nullopt;
  if (asking.facts.stage == MilterStage::connect) {
    for (const auto& [missing, from] :
         {std::pair("{if_addr}", "{client_addr}"), std::pair("{if_name}", "{client_name}")}) {
      const auto value = macro(asking.facts, from);
      if (value && !macro(asking.facts, missing)) asking.tell(missing, *value);
    }
  } else if (asking.facts.stage == MilterStage::envelope_from && !macro(asking.facts, "i")) {
    asking.tell("i", "dummy-id");
  }
  return std::nullopt;
}

Because decide(const StressNotify& stress, Asking& asking) {
  if (asking.facts.stage == MilterStage::connect && under_stress(stress.threshold, asking.facts))
    asking.tell("{stress}", "yes");
  return std::nullopt;
}

Because decide(const NoStress& stress, Asking& asking) {
  if (asking.facts.stage != MilterStage::connect || !under_stress(stress.threshold, asking.facts))
    return std::nullopt;
  return std::to_string(asking.facts.sessions) + " sessions are " + std::to_string(stress.threshold) +
         " or more";
}

std::string_view without_brackets(std::string_view path) {
  if (path.size() >= 2 && path.front() == '<' && path.back() == '>') path = path.substr(1, path.size() - 2);
  return path;
}

Because decide(const Trust& trust, Asking& asking) {
  if (asking.facts.stage != MilterStage::envelope_from) return std::nullopt;
  const auto sender = without_brackets(asking.facts.sender);
  const auto at = sender.rfind('@');
  if (at == std::string_view::npos || at == 0 || at + 1 == sender.size()) return std::nullopt;
  std::string domain(sender.substr(at + 1));
  std::ranges::transform(domain, domain.begin(), lower);
  if (asking.first_match(trust.domains, domain)) asking.tell("{trusted_domain}", "yes");
  return std::nullopt;
}

Because decide(const Dnsbl& dnsbl, Asking& asking) {
  if (asking.facts.stage != MilterStage::connect) return std::nullopt;
  const auto& client = asking.facts.client;
  const auto ip = address_of(client);
  std::optional<std::string> listing;
  bool failed = false;
  for (const auto& service : dnsbl.services) {
    if (!ip || ip->family() != table::Ip::Family::v4) break;
    const auto question = ip->reversed() + service.domain;
    const auto answer = std::ranges::find(asking.facts.dnsbl, question, &DnsblAnswer::name);
    if (answer == asking.facts.dnsbl.end() || answer->failed) {
      failed = true;
      asking.failed("DNSBL: " + escaped(question) + " was not answered");
      continue;
    }
    for (const auto& address : answer->addresses) {
      const auto code = table::Ip::parse(address);
      if (code && (!service.expected || service.expected->contains(*code)))
        listing = escaped(question) + " is " + code->text();
    }
    if (listing) break;
  }
  if (dnsbl.listed) {
    // As milter-manager: a list that does not answer lists nobody.
    if (listing) return std::nullopt;
    return client_text(client) + (failed ? " is on no DNS list that answered" : " is on no DNS list");
  }
  if (listing) return client_text(client) + " is on a DNS list: " + *listing;
  return std::nullopt;
}

bool in_table(const RestrictAccounts& restrict, std::string_view account, Asking& asking) {
  for (const auto& table : restrict.tables) {
    std::vector<std::string_view> keys{account};
    if (const auto at = account.rfind('@');
        at != std::string_view::npos && table->kind() != table::Table::Kind::pattern)
      keys.push_back(account.substr(at));
    for (const auto key : keys) {
      const auto found = table->find(key);
      if (!found) asking.failed(found.error().text);
      if (!found || *found) return true;
    }
  }
  return false;
}

Because decide(const RestrictAccounts& restrict, Asking& asking, std::size_t condition) {
  auto& matched = asking.memory.matched;
  const bool met = std::ranges::find(matched, condition) != matched.end();
  if (asking.facts.stage == MilterStage::envelope_recipient) {
    const auto account = without_brackets(asking.facts.recipient);
    if (!met && (asking.first_match(restrict.accounts, account) || in_table(restrict, account, asking)))
      matched.push_back(condition);
  } else if (asking.facts.stage == MilterStage::data && !met) {
    return "no recipient is one of the accounts";
  }
  return std::nullopt;
}

Because decide(const RubyStoppers& stoppers, Asking& asking) {
  const auto& blocks = stoppers.at[static_cast<std::size_t>(asking.facts.stage)];
  if (std::ranges::none_of(blocks, [&](const auto& block) { return asking.ask(block, std::nullopt); }))
    return std::nullopt;
  return "its " + std::string(text(asking.facts.stage)) + " stopper said so";
}

bool has_block(const std::vector<Matcher>& matchers) {
  return std::ranges::any_of(matchers,
                             [](const auto& matcher) { return std::holds_alternative<RubyBlock>(matcher); });
}

// At which stages a rule does anything, and whether it asks Ruby there.
struct Acts {
  MilterStage stage;
  bool operator()(const S25r&) const { return stage == MilterStage::connect; }
  bool operator()(const RemoteNetwork&) const { return stage == MilterStage::connect; }
  bool operator()(const Authenticated&) const { return stage == MilterStage::envelope_from; }
  bool operator()(const Unauthenticated&) const { return stage == MilterStage::envelope_from; }
  bool operator()(const SendmailCompatible&) const {
    return stage == MilterStage::connect || stage == MilterStage::envelope_from;
  }
  bool operator()(const StressNotify& stress) const {
    return stage == MilterStage::connect && stress.threshold > 0;
  }
  bool operator()(const NoStress& stress) const {
    return stage == MilterStage::connect && stress.threshold > 0;
  }
  bool operator()(const Trust&) const { return stage == MilterStage::envelope_from; }
  bool operator()(const Dnsbl&) const { return stage == MilterStage::connect; }
  bool operator()(const RestrictAccounts&) const {
    return stage == MilterStage::envelope_recipient || stage == MilterStage::data;
  }
  bool operator()(const RubyStoppers& stoppers) const {
    return !stoppers.at[static_cast<std::size_t>(stage)].empty();
  }
};

bool asks_others(const ApplicableCondition& condition) {
  if (const auto* s25r = std::get_if<S25r>(&condition.rule))
    return has_block(s25r->whitelist) || has_block(s25r->blacklist);
  if (const auto* trust = std::get_if<Trust>(&condition.rule)) return has_block(trust->domains);
  if (const auto* restrict = std::get_if<RestrictAccounts>(&condition.rule))
    return has_block(restrict->accounts) || !restrict->tables.empty();
  return std::holds_alternative<RubyStoppers>(condition.rule);
}

}  // namespace

std::string_view text(MilterStage stage) {
  constexpr std::array<std::string_view, kMilterStages> kNames{
      "connect", "helo",          "envelope-from", "envelope-recipient", "data",
      "header",  "end-of-header", "body",          "end-of-message"};
  return kNames[static_cast<std::size_t>(stage)];
}

std::vector<ApplicableCondition> builtin_conditions() {
  const auto pattern = [](const char* source) { return table::RubyPattern::compile(source, {}).value(); };
  const auto network = [](const char* text) { return table::Network::parse(text).value(); };
  const std::vector<Dnsbl::Service> services = {{"zen.spamhaus.org", network("127.0.0.10/31")},
                                                {"dnsbl.sorbs.net", network("127.0.0.10")},
                                                {"bl.spamcop.net", network("127.0.0.2")},
                                                {"b.barracudacentral.org", network("127.0.0.2")}};
  return {
      {"S25R",
       "only clients that look like a user's line",
       {},
       S25r{.whitelist = {pattern(R"(\.google\.com\z)"), pattern(R"(\.obsmtp\.com\z)")}}},
      {"Remote Network", "only clients of other networks", {}, RemoteNetwork{}},
      {"Authenticated", "only authenticated senders", {}, Authenticated{}},
      {"Unauthenticated", "only senders that are not authenticated", {}, Unauthenticated{}},
      {"Sendmail Compatible",
       "always; Sendmail's macros for filters behind Postfix",
       {},
       SendmailCompatible{}},
      {"Stress Notify", "always; {stress}=yes under stress", {}, StressNotify{}},
      {"No Stress", "only while there is no stress", {}, NoStress{}},
      {"Trust",
       "always; {trusted_domain}=yes for trusted senders' domains",
       {},
       Trust{.domains = {"gmail.com", "hotmail.com", "msn.com", "yahoo.co.jp", "softbank.ne.jp",
                         "clear-code.com"}}},
      {"DNSBL", "only clients that a DNS list has", {}, Dnsbl{services, true}},
      {"DNSBL Listed", "only clients that a DNS list has", {}, Dnsbl{services, true}},
      {"DNSBL Not Listed", "only clients that no DNS list has", {}, Dnsbl{services, false}},
  };
}

std::optional<std::size_t> ApplicableConditions::find(std::string_view name) const {
  const auto found = std::ranges::find(all_, name, &ApplicableCondition::name);
  if (found == all_.end()) return std::nullopt;
  return static_cast<std::size_t>(found - all_.begin());
}

bool ApplicableConditions::acts(MilterStage stage, std::span<const std::size_t> uses) const {
  return std::ranges::any_of(uses, [&](std::size_t use) { return std::visit(Acts{stage}, all_[use].rule); });
}

bool ApplicableConditions::may_stop(MilterStage stage, std::span<const std::size_t> uses) const {
  return std::ranges::any_of(uses, [&](std::size_t use) {
    const auto& rule = all_[use].rule;
    if (std::holds_alternative<SendmailCompatible>(rule) || std::holds_alternative<StressNotify>(rule) ||
        std::holds_alternative<Trust>(rule))
      return false;
    if (std::holds_alternative<RestrictAccounts>(rule)) return stage == MilterStage::data;
    return std::visit(Acts{stage}, rule);
  });
}

bool ApplicableConditions::may_ask_after_others(std::span<const std::size_t> uses) const {
  return std::ranges::any_of(uses, [&](std::size_t use) {
    const auto* stoppers = std::get_if<RubyStoppers>(&all_[use].rule);
    return stoppers != nullptr && std::any_of(std::begin(stoppers->at) + 1, std::end(stoppers->at),
                                              [](const auto& blocks) { return !blocks.empty(); });
  });
}

bool ApplicableConditions::may_wait(MilterStage stage, std::span<const std::size_t> uses) const {
  return std::ranges::any_of(uses, [&](std::size_t use) {
    return asks_others(all_[use]) && std::visit(Acts{stage}, all_[use].rule);
  });
}

std::vector<std::string> ApplicableConditions::dnsbl_questions(const MilterClient& client,
                                                               std::span<const std::size_t> uses) const {
  std::vector<std::string> questions;
  const auto ip = address_of(client);
  if (!ip || ip->family() != table::Ip::Family::v4) return questions;
  for (const auto use : uses) {
    const auto* dnsbl = std::get_if<Dnsbl>(&all_[use].rule);
    if (dnsbl == nullptr) continue;
    for (const auto& service : dnsbl->services) {
      auto question = ip->reversed() + service.domain;
      if (std::ranges::find(questions, question) == questions.end()) questions.push_back(std::move(question));
    }
  }
  return questions;
}

StageDecision ApplicableConditions::decide(const StageFacts& facts, std::span<const std::size_t> uses,
                                           MessageMemory& memory, RubyStopperPort* ruby) const {
  StageDecision decision;
  Known known(facts);
  for (const auto use : uses) {
    const auto& condition = all_[use];
    StageDecision own;
    Asking asking(known, memory, ruby, own);
    auto because = std::visit(
        [&](const auto& rule) -> Because {
          if constexpr (std::is_same_v<std::decay_t<decltype(rule)>, RestrictAccounts>)
            return policy::decide(rule, asking, use);
          else
            return policy::decide(rule, asking);
        },
        condition.rule);
    for (auto& failure : own.failures)
      decision.failures.push_back("condition " + quoted(condition.name) + ": " + failure);
    std::ranges::move(own.macros, std::back_inserter(decision.macros));
    std::ranges::move(own.log, std::back_inserter(decision.log));
    if (!because) continue;
    decision.stop = {use, condition.name, condition.origin, std::move(*because)};
    break;
  }
  return decision;
}

}  // namespace hikyaku::policy
