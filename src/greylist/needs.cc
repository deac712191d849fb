#include "greylist/needs.h"

#include <variant>

namespace hikyaku::greylist {
namespace {

void look_at(const Test& test, const Configuration& configuration, Needs& needs) {
  if (const auto* text = std::get_if<TextTest>(&test)) {
    needs.header = needs.header || text->subject == Subject::header;
    needs.body = needs.body || text->subject == Subject::body;
  } else if (const auto* content = std::get_if<ContentPropertyTest>(&test)) {
    (content->subject == Subject::header ? needs.header : needs.body) = true;
  } else if (const auto* quantity = std::get_if<QuantityTest>(&test)) {
    if (quantity->quantity == Quantity::msgsize) needs.header = needs.body = true;
    needs.passed = needs.passed || quantity->quantity == Quantity::passed;
  } else if (std::holds_alternative<DkimTest>(test)) {
    needs.dkim = needs.header = needs.body = true;
  } else if (std::holds_alternative<TarpitTest>(test)) {
    needs.tarpit = true;
  } else if (const auto* defined = std::get_if<DefinedTest>(&test)) {
    if (defined->kind == Defined::list)
      for (const auto& one : configuration.lists[defined->index].tests) look_at(one, configuration, needs);
    if (defined->kind == Defined::urlcheck && configuration.urlchecks[defined->index].postmsg)
      needs.header = needs.body = true;
    if (defined->kind == Defined::ratelimit &&
        configuration.ratelimits[defined->index].counted == RatelimitDefinition::Counted::data)
      needs.header = needs.body = true;
  }
}

}  // namespace

Needs needs_of(const Configuration& configuration) {
  Needs needs;
  for (const auto& rule : configuration.rules) {
    needs.message_rules = needs.message_rules || rule.stage == Stage::message;
    for (const auto& clause : rule.clauses) look_at(clause.test, configuration, needs);
    if (rule.values.subjtag) needs.header = needs.changes_subject = true;
    if (rule.values.addfooter) needs.body = needs.changes_body = true;
  }
  return needs;
}

}  // namespace hikyaku::greylist
