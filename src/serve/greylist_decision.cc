#include "serve/greylist_decision.h"

#include <chrono>
#include <utility>
#include <variant>

#include "serve/dns_lookup.h"

namespace hikyaku::serve {
namespace {

// Each round answers what the last one asked. Rules ask one after the other; SPF alone may take
// kMostSpfRounds.
constexpr int kRounds = 300;
// An MTA waits for some 30 s (milter_command_timeout): what the DNS has not said by then is no answer.
constexpr std::chrono::seconds kPatience{15};

}  // namespace

boost::asio::awaitable<greylist::Decision> decide_by_rules(io::Resolver& resolver, GreylistQuestion question,
                                                           greylist::Answers& answers, Explanation* why) {
  const auto until = std::chrono::steady_clock::now() + kPatience;
  for (int round = 0;; ++round) {
    auto result = greylist::evaluate(question.stage, question.configuration, question.facts,
                                     question.properties, answers, question.texts, why);
    if (auto* decision = std::get_if<greylist::Decision>(&result)) co_return std::move(*decision);
    // More questions than answers can be kept: none of the rules then gets to an end.
    if (round > 2 * kRounds) co_return greylist::decision_by_default(question.stage, question.configuration);
    auto& open = std::get<greylist::Questions>(result);
    for (auto& check : open.checks) answers.checks[std::move(check)].answered = false;
    for (const auto& one : open.dns) {
      if (round < kRounds && std::chrono::steady_clock::now() < until) {
        co_await look_up(resolver, answers.dns, one);
      } else {
        // Whoever keeps a decision asking gets no further answers; the rules are looked at without them.
        answers.dns.add(one, {DnsAnswer::Status::temporary, {}});
      }
    }
  }
}

}  // namespace hikyaku::serve
