#include "serve/greylist_decision.h"

#include <boost/asio/this_coro.hpp>
#include <chrono>
#include <string>
#include <utility>
#include <variant>

#include "greylist/rule_text.h"
#include "serve/dns_lookups.h"

namespace hikyaku::serve {
namespace {

// Each round answers what the last one asked. What rules ask ahead shortens it, but SPF alone may take
// kMostSpfRounds.
constexpr int kRounds = 300;
// An MTA waits for some 30 s (milter_command_timeout): what was not said by then is no answer.
constexpr std::chrono::seconds kPatience{15};
constexpr std::chrono::seconds kSpf{10};  // for all questions of a check
// An entry for each of more rules than that would be most of what a message costs.
constexpr std::size_t kExplainedRules = 200;

/// The decision without the rules that did not hold.
void explain_briefly(const GreylistQuestion& question, const greylist::Decision& decision, Explanation& why) {
  const auto& all = question.configuration;
  const auto outcome = std::string(greylist::text(decision.action)) + ", by one of " +
                       std::to_string(all.rules.size()) +
                       " rules: `hikyaku greylist check` tells what it is of each";
  why.add({.step = greylist::step_of(question.stage),
           .rule = decision.rule != nullptr ? greylist::text(*decision.rule, all) : "default",
           .origin = decision.rule != nullptr ? decision.rule->origin : all.testmode.origin,
           .outcome = outcome});
}

}  // namespace

boost::asio::awaitable<greylist::Decision> decide_by_rules(io::Resolver& resolver, GreylistChecks& checks,
                                                           GreylistQuestion question,
                                                           greylist::Answers& answers, Explanation* why,
                                                           Explained explained) {
  const bool briefly = explained == Explained::where_few && why != nullptr &&
                       question.configuration.rules.size() > kExplainedRules;
  answers.checks.clear();
  DnsLookups lookups(resolver, co_await boost::asio::this_coro::executor);
  const auto until = std::chrono::steady_clock::now() + kPatience;
  for (int round = 0;; ++round) {
    auto result = greylist::evaluate(question.stage, question.configuration, question.facts,
                                     question.properties, answers, question.texts, briefly ? nullptr : why);
    if (auto* decision = std::get_if<greylist::Decision>(&result)) {
      if (briefly) explain_briefly(question, *decision, *why);
      co_return std::move(*decision);
    }
    // More questions than answers can be kept: none of the rules then gets to an end.
    if (round > 2 * kRounds) co_return greylist::decision_by_default(question.stage, question.configuration);
    auto& open = std::get<greylist::Questions>(result);
    for (const auto& one : open.checks) {
      auto answer = co_await checks.ask(question.configuration, question.stage, question.facts, one, until);
      answers.checks[one] = std::move(answer);
    }
    if (round >= kRounds || std::chrono::steady_clock::now() >= until) {
      // Whoever keeps a decision asking gets no further answers; the rules are looked at without them.
      for (const auto& one : open.dns) answers.dns.add(one, {DnsAnswer::Status::temporary, {}});
      continue;
    }
    for (const auto& one : open.dns) lookups.ask(one);
    for (const auto& one : open.ahead)
      if (lookups.size() < greylist::kMostAsked) lookups.ask(one);
    co_await lookups.wait_for(open.dns, answers.dns, until);
  }
}

boost::asio::awaitable<std::optional<greylist::SpfResult>> ask_spf(io::Resolver& resolver,
                                                                   const greylist::Facts& facts,
                                                                   DnsFacts& dns) {
  const greylist::SpfRequest request{*facts.client, facts.helo,
                                     std::string(greylist::without_brackets(facts.sender)),
                                     std::string(facts.macro("j").value_or("")), facts.now};
  DnsLookups lookups(resolver, co_await boost::asio::this_coro::executor);
  const auto until = std::chrono::steady_clock::now() + kSpf;
  for (unsigned round = 0; round < greylist::kMostSpfRounds && std::chrono::steady_clock::now() < until;
       ++round) {
    auto outcome = greylist::check_spf(request, dns, {.explain = false});
    if (auto* result = std::get_if<greylist::SpfResult>(&outcome)) co_return std::move(*result);
    const auto& questions = std::get<std::vector<DnsQuestion>>(outcome);
    for (const auto& question : questions) lookups.ask(question);
    co_await lookups.wait_for(questions, dns, until);
  }
  co_return std::nullopt;
}

}  // namespace hikyaku::serve
