#include "greylist/rule_index.h"

#include <algorithm>

#include "greylist/configuration.h"

namespace hikyaku::greylist {
namespace {

using Number = FactIndex::Number;
constexpr std::size_t kShort = 8;  // elements: a look into the index costs about as much

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

/// The tests of which one must hold for a clause to hold, where all of them are found by an index; else none.
std::vector<const Test*> keys_of(const Clause& clause, const Configuration& configuration) {
  std::vector<const Test*> keys;
  if (clause.negated) return keys;
  const auto* defined = std::get_if<DefinedTest>(&clause.test);
  if (defined == nullptr || defined->kind != Defined::list) {
    if (FactIndex::finds(clause.test)) keys.push_back(&clause.test);
    return keys;
  }
  for (const auto& test : configuration.lists[defined->index].tests) {
    if (!FactIndex::finds(test)) return {};
    keys.push_back(&test);
  }
  return keys;
}

void add(const Rule& rule, Number number, const Configuration& configuration, FactIndex& index) {
  for (const auto& clause : rule.clauses) {
    const auto keys = keys_of(clause, configuration);
    for (const auto* key : keys) index.add(*key, number);
    if (!keys.empty()) return;
    if (!pure(clause.test, configuration)) break;
  }
  index.add_always(number);
}

}  // namespace

void Configuration::build_index() {
  recipient_index = index_of_rules(*this, Stage::recipient);
  message_index = index_of_rules(*this, Stage::message);
  list_indexes.clear();
  for (const auto& list : lists) list_indexes.push_back(index_of_list(list));
}

FactIndex index_of_rules(const Configuration& configuration, Stage stage) {
  FactIndex index;
  for (Number number = 0; number < configuration.rules.size(); ++number) {
    const auto& rule = configuration.rules[number];
    if (rule.stage == stage) add(rule, number, configuration, index);
  }
  return index;
}

std::optional<FactIndex> index_of_list(const List& list) {
  if (list.tests.size() <= kShort) return std::nullopt;
  FactIndex index;
  for (Number number = 0; number < list.tests.size(); ++number) {
    const auto& test = list.tests[number];
    if (FactIndex::finds(test)) {
      index.add(test, number);
    } else {
      index.add_always(number);
    }
  }
  return index;
}

}  // namespace hikyaku::greylist
