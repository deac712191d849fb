#include "policy/access.h"

#include <iterator>
#include <utility>

#include "policy/evaluation.h"
#include "table/fold.h"

namespace hikyaku::policy {
namespace {

using Outcome = Evaluation::Outcome;
using Kind = Restriction::Kind;

/// Nothing against it so far.
bool goes_on(Outcome outcome) { return outcome == Outcome::undecided || outcome == Outcome::permit; }

std::string shown(const mail::Address* address) {
  return address == nullptr ? std::string() : address->internal();
}

}  // namespace

void Actions::merge(Actions later) {
  if (later.hold && !hold) hold_reason = std::move(later.hold_reason);
  hold = hold || later.hold;
  discard = discard || later.discard;
  if (!later.filter.empty()) filter = std::move(later.filter);
  if (later.redirect) redirect = std::move(later.redirect);
  std::move(later.prepend.begin(), later.prepend.end(), std::back_inserter(prepend));
  std::move(later.bcc.begin(), later.bcc.end(), std::back_inserter(bcc));
}

Outcome Evaluation::client_list() {
  return run(settings_.client,
             {"policy.client", subject::kClient, request_.client.text(), Kind::check_client_access});
}

Outcome Evaluation::helo_list() {
  if (!request_.helo) return Outcome::undecided;
  return run(settings_.helo,
             {"policy.helo", subject::kHelo, std::string(*request_.helo), Kind::check_helo_access});
}

Outcome Evaluation::sender_list() {
  if (request_.sender == nullptr) return Outcome::undecided;
  const auto outcome = run(settings_.sender, {"policy.sender", subject::kSender, shown(request_.sender),
                                              Kind::check_sender_access});
  if (!goes_on(outcome) || !settings_.reject_unlisted_sender || discard_) return outcome;
  return unlisted_sender();
}

Outcome Evaluation::relay_and_recipient_lists() {
  const Stage relay{"policy.relay", subject::kRecipient, shown(request_.recipient),
                    Kind::check_recipient_access};
  Stage recipient = relay;
  recipient.step = "policy.recipient";
  const bool relay_first = settings_.relay_before_recipient;
  auto outcome = relay_first ? run(settings_.relay, relay) : run(settings_.recipient, recipient);
  if (!goes_on(outcome)) return outcome;
  return relay_first ? run(settings_.recipient, recipient) : run(settings_.relay, relay);
}

Verdict Access::connection(const Request& request, Explanation& why) const {
  if (settings_->delay_reject) return {};
  Evaluation evaluation(*settings_, *resolver_, request);
  return evaluation.finish(evaluation.client_list(), why);
}

Verdict Access::hello(const Request& request, Explanation& why) const {
  if (settings_->delay_reject) return {};
  Evaluation evaluation(*settings_, *resolver_, request);
  evaluation.take_earlier();
  return evaluation.finish(evaluation.helo_list(), why);
}

Verdict Access::sender(const Request& request, Explanation& why) const {
  Evaluation evaluation(*settings_, *resolver_, request);
  evaluation.take_earlier();
  auto outcome = evaluation.check_syntax(*request.sender, "5.1.7", "Bad sender address syntax");
  if (goes_on(outcome) && !settings_->delay_reject) outcome = evaluation.sender_list();
  return evaluation.finish(outcome, why);
}

Verdict Access::recipient(const Request& request, Explanation& why) const {
  Evaluation evaluation(*settings_, *resolver_, request);
  auto outcome = evaluation.check_syntax(*request.recipient, "5.1.3", "Bad recipient address syntax");
  if (!goes_on(outcome)) return evaluation.finish_alone(outcome, why);
  // RFC 5321 s. 4.5.1: mail for the postmaster of this very host is always taken.
  if (!request.recipient->has_domain() &&
      table::equal_ascii_nocase(request.recipient->local(), "postmaster")) {
    return evaluation.finish_alone(Outcome::permit, why);
  }
  if (settings_->delay_reject) {
    for (const auto list : {&Evaluation::client_list, &Evaluation::helo_list, &Evaluation::sender_list}) {
      outcome = (evaluation.*list)();
      if (!goes_on(outcome)) return evaluation.finish_alone(outcome, why);
    }
  } else {
    evaluation.take_earlier();
  }
  outcome = evaluation.settle(evaluation.relay_and_recipient_lists());
  if (goes_on(outcome) && settings_->reject_unlisted_recipient && !evaluation.discard_) {
    outcome = evaluation.unlisted_recipient();
  }
  return evaluation.finish_alone(outcome, why);
}

Verdict Access::data(const Request& request, Explanation& why) const {
  Evaluation evaluation(*settings_, *resolver_, request);
  const auto outcome =
      evaluation.run(settings_->data, {"policy.data", subject::kData, "DATA", Kind::default_access});
  return evaluation.finish_alone(evaluation.settle(outcome), why);
}

Verdict Access::end_of_data(const Request& request, Explanation& why) const {
  Evaluation evaluation(*settings_, *resolver_, request);
  evaluation.at_end_of_data_ = true;
  const auto outcome = evaluation.run(settings_->end_of_data, {"policy.end_of_data", subject::kEndOfData,
                                                               "END-OF-MESSAGE", Kind::default_access});
  return evaluation.finish_alone(evaluation.settle(outcome), why);
}

Verdict Access::etrn(const Request& request, Explanation& why) const {
  Evaluation evaluation(*settings_, *resolver_, request);
  evaluation.at_etrn_ = true;
  if (settings_->delay_reject) {
    for (const auto list : {&Evaluation::client_list, &Evaluation::helo_list}) {
      const auto outcome = (evaluation.*list)();
      if (!goes_on(outcome)) return evaluation.finish_alone(outcome, why);
    }
  } else {
    evaluation.take_earlier();
  }
  const auto outcome = evaluation.run(
      settings_->etrn, {"policy.etrn", subject::kEtrn, std::string(request.etrn), Kind::check_etrn_access});
  auto verdict = evaluation.finish_alone(evaluation.settle(outcome), why);
  if (verdict.kind != Verdict::Kind::go_on) return verdict;
  KeyTrail keys;
  const auto match = settings_->fast_flush.match(request.etrn, &keys);
  const bool eligible = match && *match;
  why.add({.step = "policy.etrn",
           .rule = "fast_flush_domains",
           .origin = eligible ? (*match)->origin : settings_->fast_flush_origin,
           .keys = keys.joined(),
           .failed = eligible ? "" : "the domain is in fast_flush_domains",
           .operand = request.etrn,
           .outcome = eligible ? "mail for it is tried" : "refused"});
  if (eligible) return verdict;
  const std::string name(request.etrn);
  verdict.kind = Verdict::Kind::refuse;
  // 459 of RFC 1985 s. 5.2 is for those who may not; what can't be told now may be asked again.
  verdict.refusal = match ? Refusal{459, "4.7.0", "<" + name + ">: service unavailable"}
                          : Refusal{458, "4.3.0", "<" + name + ">: unable to queue messages"};
  return verdict;
}

}  // namespace hikyaku::policy
