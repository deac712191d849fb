#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "greylist/evaluation.h"

namespace hikyaku::greylist {

/// One walk through the rules: what clauses are tried on, and what they leave behind.
class ClauseCheck {
 public:
  enum class Outcome : unsigned char {
    no,
    yes,
    open,       ///< something must be looked up first: questions()
    not_known,  ///< it was, without an answer: the clause does not hold, negated or not
  };

  ClauseCheck(Stage stage, const Configuration& configuration, const Facts& facts, const Answers& answers,
              FormatContext context, Properties properties, Decision& decision, Questions& questions);

  /// Before the clauses of each rule.
  void begin(const Rule& rule);
  /// What is asked after the first test that is open is asked ahead.
  Outcome check(const Test& test);
  /// What the last test was tried on, for the explanation.
  const std::string& operand() const { return operand_; }
  /// The element of a list by which the last test did not come to "no"; nullptr: none.
  const Test* element() const { return element_; }
  /// What groups matched in this rule, the latest expression's first.
  std::vector<std::string>& groups() { return context_.groups; }
  const std::optional<Properties::Property>& property() const { return context_.property; }
  Properties& properties() { return properties_; }
  /// What the answers of this rule's checks say in place of it.
  const RuleOverride& overrides() const { return overrides_; }

 private:
  Outcome apply(const AddressTest& test);
  Outcome apply(const TextTest& test);
  Outcome apply(const ContentPropertyTest& test);
  Outcome apply(const DefinedTest& test);
  Outcome apply(const MxTest& test);
  Outcome apply(const CountryTest& test);
  Outcome apply(const SpfTest& test);
  Outcome apply(const DkimTest& test);
  Outcome apply(const QuantityTest& test);
  Outcome apply(const CronTimes& test);
  Outcome apply(const SetProperty& test);
  Outcome apply(const PropertyTest& test);
  Outcome apply(const LogLine& test);
  Outcome apply(const TarpitTest& test);

  Outcome dnsrbl(const DnsrblDefinition& definition);
  Outcome macro(const MacroDefinition& definition);
  Outcome ratelimit(std::size_t index);
  Outcome remote_check(Defined kind, std::size_t index, const std::string& format, bool clear);
  void take_overrides(const RuleOverride& overrides, const std::string& check);
  Outcome list(std::size_t index);

  /// Whether an expression matches; keeps what its groups did.
  Outcome match(const Pattern& pattern, std::string_view subject);
  Outcome address(const Pattern& pattern, std::string_view address);
  Outcome any_recipient(const Pattern& pattern);
  Outcome exactly(const Pattern& pattern, std::optional<std::string_view> value);
  Outcome within(const Pattern& pattern, const std::vector<std::string>& lines);
  bool ends_with_domain(std::string_view domain) const;
  std::int64_t value_of(const std::variant<std::int64_t, PropertyName>& operand) const;
  std::string expanded(const std::string& format);
  const DnsAnswer* ask(const std::string& name, DnsQuestion::Type type);
  void want(DnsQuestion question);
  static Outcome outcome(bool holds) { return holds ? Outcome::yes : Outcome::no; }

  Stage stage_;
  const Configuration& configuration_;
  const Facts& facts_;
  const Answers& answers_;
  FormatContext context_;
  Properties properties_;
  Decision& decision_;
  Questions& questions_;
  bool ahead_ = false;  // a test was open
  std::string operand_;
  RuleOverride overrides_;
  const Test* element_ = nullptr;
};

/// What kind of reason a test is.
Reason reason_of(const Test& test, const Configuration& configuration);

}  // namespace hikyaku::greylist
