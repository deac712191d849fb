#include "greylist/evaluation.h"

#include <utility>

#include "greylist/clause_check.h"
#include "greylist/rule_text.h"

namespace hikyaku::greylist {
namespace {

using Outcome = ClauseCheck::Outcome;

/// What a rule says takes the place of what those before it said.
void take_values(const RuleValues& from, RuleValues& to) {
  const auto take = [](const auto& value, auto& kept) {
    if (value) kept = value;
  };
  take(from.code, to.code);
  take(from.ecode, to.ecode);
  take(from.msg, to.msg);
  take(from.report, to.report);
  take(from.addheader, to.addheader);
  take(from.addfooter, to.addfooter);
  take(from.subjtag, to.subjtag);
}

class Walk {
 public:
  Walk(Stage stage, const Configuration& configuration, const Facts& facts, const Properties& properties,
       const Answers& answers, const FormatContext& texts, Explanation* why)
      : stage_(stage),
        configuration_(configuration),
        facts_(facts),
        check_(stage, configuration, facts, answers, texts, properties, decision_, questions_),
        why_(why) {}

  std::variant<Decision, Questions> run() {
    // To be explained each rule must be looked at, also one that can't hold.
    if (why_ != nullptr) {
      for (const auto& rule : configuration_.rules)
        if (rule.stage == stage_ && ends(rule)) return result();
    } else {
      auto candidates = configuration_.index(stage_).candidates(stage_, facts_);
      for (auto one = candidates.next(); one != FactIndex::Candidates::kEnd; one = candidates.next())
        if (ends(configuration_.rules[one])) return result();
    }
    decide_by_default();
    return result();
  }

 private:
  /// Looks at a rule; true: none after it need be looked at.
  bool ends(const Rule& rule) {
    // A tarpit is the rule's own; one that a rule before began with and did not hold is none.
    decision_.tarpit = configuration_.tarpit.value;
    const auto outcome = look_at(rule);
    if (outcome == Outcome::open) return questions_.dns.size() + questions_.ahead.size() >= kMostAsked;
    if (outcome != Outcome::yes) return false;
    if (open_) return rule.action != Action::go_on;
    apply(rule);
    return decision_.action != Action::go_on;
  }

  Outcome look_at(const Rule& rule) {
    check_.begin(rule);
    held_.clear();
    reasons_ = negated_ = Reasons();
    bool open = false;
    for (const auto& clause : rule.clauses) {
      auto outcome = check_.check(clause.test);
      if (outcome == Outcome::open) {
        // What is looked at from here on is only asked ahead.
        open = open_ = true;
        continue;
      }
      if (clause.negated && outcome != Outcome::not_known)
        outcome = outcome == Outcome::yes ? Outcome::no : Outcome::yes;
      if (outcome != Outcome::yes) {
        record(rule, clause, outcome);
        return open ? Outcome::open : Outcome::no;
      }
      if (why_ != nullptr)
        held_.append(held_.empty() ? "" : "; ")
            .append(clause.text)
            .append(" (")
            .append(check_.operand())
            .append(element())
            .append(")");
      const auto reason = reason_of(clause.test, configuration_);
      reasons_.add(reason);
      if (clause.negated) negated_.add(reason);
    }
    if (rule.clauses.empty()) reasons_.add(Reason::by_default);
    return open ? Outcome::open : Outcome::yes;
  }

  /// Which of a list's elements it was.
  std::string element() const {
    const auto* one = check_.element();
    return one == nullptr ? "" : ", by " + text(*one, configuration_);
  }

  void record(const Rule& rule, const Clause& clause, Outcome outcome) {
    if (why_ == nullptr) return;
    const auto operand =
        (outcome == Outcome::not_known ? "no answer: " + check_.operand() : check_.operand()) + element();
    why_->add({step_of(stage_),
               text(rule, configuration_),
               rule.origin,
               {},
               clause.text,
               operand,
               "does not hold"});
  }

  void apply(const Rule& rule) {
    const auto& said = check_.overrides();
    decision_.rule = &rule;
    decision_.action = said.action.value_or(rule.action);
    decision_.reasons = reasons_;
    decision_.negated = negated_;
    decision_.delay = said.values.delay.value_or(rule.values.delay.value_or(configuration_.greylist.value));
    decision_.autowhite =
        said.values.autowhite.value_or(rule.values.autowhite.value_or(configuration_.autowhite.value));
    if (said.tarpit) decision_.tarpit = said.tarpit;
    decision_.tarpit_scope = rule.values.tarpit_scope.value_or(configuration_.tarpit_scope.value);
    decision_.maxpeek = rule.values.maxpeek ? rule.values.maxpeek : configuration_.maxpeek.value;
    decision_.flushaddr = decision_.flushaddr || rule.values.flushaddr || said.values.flushaddr;
    take_values(rule.values, decision_.values);
    take_values(said.values, decision_.values);
    decision_.values.nolog = rule.values.nolog || said.values.nolog;
    decision_.groups = check_.groups();
    if (why_ != nullptr)
      why_->add(
          {step_of(stage_), text(rule, configuration_), rule.origin, {}, {}, held_, text(decision_.action)});
  }

  void decide_by_default() {
    auto by_default = decision_by_default(stage_, configuration_);
    decision_.action = by_default.action;
    decision_.rule = nullptr;
    decision_.reasons = by_default.reasons;
    decision_.negated = by_default.negated;
    decision_.delay = by_default.delay;
    decision_.autowhite = by_default.autowhite;
    decision_.tarpit = by_default.tarpit;
    decision_.tarpit_scope = by_default.tarpit_scope;
    decision_.values.nolog = by_default.values.nolog;
    if (why_ != nullptr)
      why_->add(
          {step_of(stage_), "default", configuration_.testmode.origin, {}, {}, {}, text(decision_.action)});
  }

  std::variant<Decision, Questions> result() {
    if (open_) return std::move(questions_);
    decision_.property = check_.property();
    decision_.properties = std::move(check_.properties());
    return std::move(decision_);
  }

  Stage stage_;
  const Configuration& configuration_;
  const Facts& facts_;
  Decision decision_;
  Questions questions_;
  ClauseCheck check_;
  Explanation* why_;
  bool open_ = false;
  Reasons reasons_, negated_;
  std::string held_;  // the clauses of the rule so far, and what each was tried on
};

}  // namespace

Decision decision_by_default(Stage stage, const Configuration& configuration) {
  Decision decision;
  const bool pass = configuration.testmode.value || stage == Stage::message;
  decision.action = pass ? Action::whitelist : Action::greylist;
  decision.reasons.add(Reason::by_default);
  decision.delay = configuration.greylist.value;
  decision.autowhite = configuration.autowhite.value;
  decision.tarpit = configuration.tarpit.value;
  decision.tarpit_scope = configuration.tarpit_scope.value;
  decision.maxpeek = configuration.maxpeek.value;
  // That no rule of the stage holds is usual at the end of a message: nobody wants a line for it.
  decision.values.nolog = stage == Stage::message;
  return decision;
}

std::variant<Decision, Questions> evaluate(Stage stage, const Configuration& configuration,
                                           const Facts& facts, const Properties& properties,
                                           const Answers& answers, const FormatContext& texts,
                                           Explanation* why) {
  // What was looked at in a walk that had to be given up is no one's reason.
  Explanation walked;
  auto result =
      Walk(stage, configuration, facts, properties, answers, texts, why != nullptr ? &walked : nullptr).run();
  if (why != nullptr && std::holds_alternative<Decision>(result)) why->append(walked.bytes());
  return result;
}

}  // namespace hikyaku::greylist
