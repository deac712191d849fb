#include "greylist/rule_index.h"

#include <algorithm>

#include "greylist/configuration.h"
#include "table/fold.h"

namespace hikyaku::greylist {
namespace {

std::string_view octets_of(const table::Ip& ip) {
  return {reinterpret_cast<const char*>(ip.octets().data()), ip.bits() / 8};
}

/// Whether a test neither does something nor leaves something behind, and asks nobody: it may go unlooked at.
bool pure(const Test& test, const Configuration& configuration) {
  if (std::holds_alternative<AddressTest>(test) || std::holds_alternative<TextTest>(test) ||
      std::holds_alternative<CountryTest>(test) || std::holds_alternative<QuantityTest>(test) ||
      std::holds_alternative<CronTimes>(test))
    return true;
  const auto* defined = std::get_if<DefinedTest>(&test);
  if (defined == nullptr) return false;
  if (defined->kind == Defined::sm_macro) return true;
  if (defined->kind != Defined::list) return false;
  const auto& tests = configuration.lists[defined->index].tests;
  return std::all_of(tests.begin(), tests.end(), [&](const auto& one) { return pure(one, configuration); });
}

bool indexable(const Test& test, Stage stage, const Configuration& configuration) {
  if (std::holds_alternative<AddressTest>(test) || std::holds_alternative<CountryTest>(test)) return true;
  if (const auto* text = std::get_if<TextTest>(&test)) {
    if (text->pattern.is_regex() || text->pattern.text().empty()) return false;
    // At the end of the message it is about several recipients.
    if (text->subject == Subject::rcpt) return stage == Stage::recipient;
    return text->subject == Subject::domain || text->subject == Subject::from ||
           text->subject == Subject::rawfrom;
  }
  const auto* defined = std::get_if<DefinedTest>(&test);
  if (defined == nullptr || defined->kind != Defined::list) return false;
  const auto& tests = configuration.lists[defined->index].tests;
  return std::all_of(tests.begin(), tests.end(),
                     [&](const auto& one) { return indexable(one, stage, configuration); });
}

/// The clause by which a rule is found; nullptr: none.
const Clause* key_of(const Rule& rule, const Configuration& configuration) {
  for (const auto& clause : rule.clauses) {
    if (!clause.negated && indexable(clause.test, rule.stage, configuration)) return &clause;
    if (!pure(clause.test, configuration)) return nullptr;
  }
  return nullptr;
}

}  // namespace

void Configuration::build_index() {
  recipient_index = RuleIndex(*this, Stage::recipient);
  message_index = RuleIndex(*this, Stage::message);
}

RuleIndex::RuleIndex(const Configuration& configuration, Stage stage) : stage_(stage) {
  for (Number number = 0; number < configuration.rules.size(); ++number) {
    const auto& rule = configuration.rules[number];
    if (rule.stage != stage) continue;
    const auto* key = key_of(rule, configuration);
    if (key == nullptr || !add(key->test, number, configuration)) always_.push_back(number);
  }
}

bool RuleIndex::add(const Test& test, Number number, const Configuration& configuration) {
  if (const auto* address = std::get_if<AddressTest>(&test)) {
    add_network(address->network, number);
  } else if (const auto* country = std::get_if<CountryTest>(&test)) {
    countries_[country->code].push_back(number);
  } else if (const auto* text = std::get_if<TextTest>(&test)) {
    const auto& written = text->pattern.text();
    if (text->subject == Subject::domain) {
      domains_[written.size()][table::ascii_lower(written)].push_back(number);
    } else {
      auto& addresses = text->subject == Subject::from      ? senders_
                        : text->subject == Subject::rawfrom ? raw_senders_
                                                            : recipients_;
      addresses[table::ascii_lower(without_brackets(written))].push_back(number);
    }
  } else if (const auto* list = std::get_if<DefinedTest>(&test)) {
    for (const auto& one : configuration.lists[list->index].tests) add(one, number, configuration);
  } else {
    return false;
  }
  return true;
}

void RuleIndex::add_network(const table::Network& network, Number number) {
  auto& networks = network.base().family() == table::Ip::Family::v4 ? networks_v4_ : networks_v6_;
  networks[network.prefix()][std::string(octets_of(network.base()))].push_back(number);
}

void RuleIndex::find(const ByText& texts, std::string_view text, Numbers& found) {
  if (texts.empty()) return;
  const auto one = texts.find(text);
  if (one != texts.end()) found.insert(found.end(), one->second.begin(), one->second.end());
}

void RuleIndex::find_networks(const table::Ip& ip, Numbers& found) const {
  for (const auto& [prefix, networks] : ip.family() == table::Ip::Family::v4 ? networks_v4_ : networks_v6_)
    find(networks, octets_of(ip.masked(prefix)), found);
}

RuleIndex::Candidates RuleIndex::candidates(const Facts& facts) const {
  Candidates out(always_);
  auto& found = out.found_;
  if (facts.client) find_networks(*facts.client, found);
  find(countries_, facts.country, found);
  if (!domains_.empty()) {
    const auto name = table::ascii_lower(facts.client_name);
    for (const auto& [length, domains] : domains_) {
      if (length > name.size()) break;
      find(domains, std::string_view(name).substr(name.size() - length), found);
    }
  }
  if (!senders_.empty()) find(senders_, table::ascii_lower(without_brackets(facts.sender)), found);
  if (!raw_senders_.empty())
    find(raw_senders_, table::ascii_lower(without_brackets(facts.raw_sender)), found);
  if (!recipients_.empty()) find(recipients_, table::ascii_lower(without_brackets(facts.recipient)), found);
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return out;
}

RuleIndex::Number RuleIndex::Candidates::next() {
  const auto always = next_always_ < always_.size() ? always_[next_always_] : kEnd;
  const auto found = next_found_ < found_.size() ? found_[next_found_] : kEnd;
  if (always < found) {
    ++next_always_;
    return always;
  }
  if (found != kEnd) ++next_found_;
  return found;
}

}  // namespace hikyaku::greylist
