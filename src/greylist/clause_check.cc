#include "greylist/clause_check.h"

#include "table/fold.h"

#include <fnmatch.h>

#include <algorithm>
#include <array>
#include <utility>

namespace hikyaku::greylist {
namespace {

using Outcome = ClauseCheck::Outcome;

bool compare(std::int64_t left, Comparison comparison, std::int64_t right) {
  switch (comparison) {
    case Comparison::equal:
      return left == right;
    case Comparison::not_equal:
      return left != right;
    case Comparison::less:
      return left < right;
    case Comparison::greater:
      return left > right;
    case Comparison::at_most:
      return left <= right;
    case Comparison::at_least:
      return left >= right;
  }
  return false;
}

}  // namespace

ClauseCheck::ClauseCheck(Stage stage, const Configuration& configuration, const Facts& facts,
                         const Answers& answers, FormatContext context, Properties properties,
                         Decision& decision, Questions& questions)
    : stage_(stage),
      configuration_(configuration),
      facts_(facts),
      answers_(answers),
      context_(std::move(context)),
      properties_(std::move(properties)),
      decision_(decision),
      questions_(questions) {
  context_.properties = &properties_;
}

void ClauseCheck::begin(const Rule& rule) {
  context_.current = &rule;
  context_.groups.clear();
  overrides_ = {};
}

Outcome ClauseCheck::check(const Test& test) {
  operand_.clear();
  element_ = nullptr;
  const auto wanted = questions_.dns.size();
  const auto one = std::visit([&](const auto& kind) { return apply(kind); }, test);
  ahead_ = ahead_ || one == Outcome::open;
  // What it asked and could do without is not waited for.
  if (!ahead_) questions_.dns.resize(wanted);
  return one;
}

std::string ClauseCheck::expanded(const std::string& format) { return expand(format, facts_, context_); }

Outcome ClauseCheck::match(const Pattern& pattern, std::string_view subject) {
  auto groups = pattern.match(subject);
  if (!groups) return Outcome::not_known;
  if (!*groups) return Outcome::no;
  auto& all = context_.groups;
  all.insert(all.begin(), std::make_move_iterator((*groups)->begin()),
             std::make_move_iterator((*groups)->end()));
  return Outcome::yes;
}

Outcome ClauseCheck::apply(const AddressTest& test) {
  operand_ = facts_.client ? facts_.client->text() : "no address";
  return outcome(facts_.client && test.network.contains(*facts_.client));
}

Outcome ClauseCheck::apply(const TextTest& test) {
  switch (test.subject) {
    case Subject::domain:
      operand_ = facts_.client_name;
      if (test.pattern.is_regex()) return match(test.pattern, facts_.client_name);
      return outcome(ends_with_domain(test.pattern.text()));
    case Subject::helo:
      operand_ = facts_.helo;
      if (test.pattern.is_regex()) return match(test.pattern, facts_.helo);
      return outcome(table::equal_ascii_nocase(facts_.helo, expanded(test.pattern.text())));
    case Subject::from:
      return address(test.pattern, facts_.sender);
    case Subject::rawfrom:
      return address(test.pattern, facts_.raw_sender);
    case Subject::rcpt:
      return stage_ == Stage::recipient ? address(test.pattern, facts_.recipient)
                                        : any_recipient(test.pattern);
    case Subject::auth:
      return exactly(test.pattern, facts_.macro("{auth_authen}"));
    case Subject::tls:
      return exactly(test.pattern,
                     facts_.macro("{verify}") == "OK" ? facts_.macro("{cert_subject}") : std::nullopt);
    case Subject::header:
      return within(test.pattern, facts_.header_lines);
    case Subject::body:
      return within(test.pattern, facts_.body_pieces);
  }
  return Outcome::no;
}

bool ClauseCheck::ends_with_domain(std::string_view domain) const {
  const std::string_view name = facts_.client_name;
  if (name.empty() || domain.empty()) return name.empty() && domain.empty();
  if (name.size() < domain.size()) return false;
  const auto rest = name.size() - domain.size();
  if (!table::equal_ascii_nocase(name.substr(rest), domain)) return false;
  return !configuration_.domainexact.value || rest == 0 || name[rest - 1] == '.';
}

Outcome ClauseCheck::address(const Pattern& pattern, std::string_view address) {
  operand_ = address;
  if (pattern.is_regex()) return match(pattern, address);
  return outcome(same_address(address, pattern.text()));
}

Outcome ClauseCheck::any_recipient(const Pattern& pattern) {
  for (const auto& recipient : facts_.accepted)
    if (const auto one = address(pattern, recipient); one != Outcome::no) return one;
  operand_ = std::to_string(facts_.accepted.size()) + " recipients";
  return Outcome::no;
}

Outcome ClauseCheck::exactly(const Pattern& pattern, std::optional<std::string_view> value) {
  if (!value) {
    operand_ = "none";
    return Outcome::no;
  }
  operand_ = *value;
  if (pattern.is_regex()) return match(pattern, *value);
  return outcome(pattern.text() == *value);
}

Outcome ClauseCheck::within(const Pattern& pattern, const std::vector<std::string>& lines) {
  for (const auto& line : lines) {
    const auto one =
        pattern.is_regex() ? match(pattern, line) : outcome(line.find(pattern.text()) != std::string::npos);
    if (one == Outcome::no) continue;
    operand_ = line;
    return one;
  }
  operand_ = std::to_string(lines.size()) + " lines";
  return Outcome::no;
}

Outcome ClauseCheck::apply(const ContentPropertyTest& test) {
  const auto& lines = test.subject == Subject::header ? facts_.header_lines : facts_.body_pieces;
  const auto syntax = configuration_.extendedregex.value ? Pattern::Syntax::extended : Pattern::Syntax::basic;
  for (const auto& property : properties_.all()) {
    if (!table::equal_ascii_nocase(property.name, test.property.name)) continue;
    const std::string_view value = property.value;
    auto pattern = Pattern::literal(property.value);
    if (value.size() > 2 && value.starts_with('/') && value.ends_with('/')) {
      auto compiled = Pattern::regex(value.substr(1, value.size() - 2), syntax);
      if (!compiled) continue;  // what an answer from elsewhere holds is no mistake of this configuration
      pattern = std::move(*compiled);
    }
    const auto groups = context_.groups;
    const auto one = within(pattern, lines);
    context_.groups = groups;  // those of the value's own expression are nobody's
    if (one != Outcome::yes) continue;
    context_.property = property;
    return one;
  }
  return Outcome::no;
}

Outcome ClauseCheck::apply(const DefinedTest& test) {
  const auto& all = configuration_;
  switch (test.kind) {
    case Defined::dnsrbl:
      return dnsrbl(all.dnsrbls[test.index]);
    case Defined::sm_macro:
      return macro(all.macros[test.index]);
    case Defined::ratelimit:
      return ratelimit(test.index);
    case Defined::urlcheck:
      return remote_check(test.kind, test.index, all.urlchecks[test.index].url_format,
                          all.urlchecks[test.index].clear);
    case Defined::ldapcheck:
      return remote_check(test.kind, test.index, all.ldapchecks[test.index].url_format,
                          all.ldapchecks[test.index].clear);
    case Defined::nsupdate:
      decision_.updates.push_back({test.index, expanded(all.nsupdates[test.index].rname_format),
                                   expanded(all.nsupdates[test.index].rvalue_format)});
      return Outcome::yes;
    case Defined::list:
      return list(test.index);
  }
  return Outcome::no;
}

Outcome ClauseCheck::list(std::size_t index) {
  const auto& tests = configuration_.lists[index].tests;
  auto outcome = Outcome::no;
  // False: those after it need not be looked at. After one that is open they may be asked meanwhile.
  const auto look_at = [&](const Test& test) {
    const auto one = check(test);
    if (outcome == Outcome::no) outcome = one;
    if (one == Outcome::yes || one == Outcome::not_known) element_ = &test;
    return one == Outcome::no || one == Outcome::open;
  };
  const auto& indexes = configuration_.list_indexes;
  if (index >= indexes.size() || !indexes[index]) {
    for (const auto& test : tests)
      if (!look_at(test)) break;
    return outcome;
  }
  constexpr auto kEnd = FactIndex::Candidates::kEnd;
  auto candidates = indexes[index]->candidates(stage_, facts_);
  auto last = kEnd;
  for (auto one = candidates.next(); one != kEnd; one = candidates.next()) {
    last = one;
    if (!look_at(tests[one])) break;
  }
  // A list that does not hold was tried on what its last element was.
  if (outcome == Outcome::no && last != tests.size() - 1) check(tests.back());
  return outcome;
}

Outcome ClauseCheck::macro(const MacroDefinition& definition) {
  const auto value = facts_.macro(definition.macro);
  operand_ = value.value_or("unset");
  if (std::holds_alternative<MacroDefinition::Unset>(definition.test)) return outcome(!value);
  if (!value) return Outcome::no;
  const auto& pattern = std::get<Pattern>(definition.test);
  return pattern.is_regex() ? match(pattern, *value) : outcome(pattern.text() == *value);
}

Outcome ClauseCheck::apply(const CountryTest& test) {
  operand_ = facts_.country.empty() ? "no database" : facts_.country;
  return outcome(!facts_.country.empty() && facts_.country == test.code);
}

std::int64_t ClauseCheck::value_of(const std::variant<std::int64_t, PropertyName>& operand) const {
  if (const auto* number = std::get_if<std::int64_t>(&operand)) return *number;
  return number_of(properties_.find(std::get<PropertyName>(operand).name).value_or("0"));
}

Outcome ClauseCheck::apply(const QuantityTest& test) {
  const auto value = test.quantity == Quantity::msgsize  ? facts_.message_size
                     : test.quantity == Quantity::passed ? std::int64_t{answers_.passed}
                                                         : static_cast<std::int64_t>(facts_.accepted.size());
  operand_ = std::to_string(value);
  if (const auto* name = std::get_if<PropertyName>(&test.operand);
      name != nullptr && !properties_.find(name->name))
    return Outcome::no;
  return outcome(compare(value, test.comparison, value_of(test.operand)));
}

Outcome ClauseCheck::apply(const CronTimes& test) {
  const auto moment = facts_.moment();
  operand_ = std::to_string(moment.minute) + " " + std::to_string(moment.hour) + " " +
             std::to_string(moment.month_day) + " " + std::to_string(moment.month) + " " +
             std::to_string(moment.week_day);
  return outcome(test.contains(moment));
}

Outcome ClauseCheck::apply(const SetProperty& test) {
  const auto& name = test.property.name;
  std::string value;
  if (test.operation == SetProperty::Operation::assign) {
    if (const auto* format = std::get_if<std::string>(&test.operand)) {
      value = expanded(*format);
    } else if (const auto* number = std::get_if<std::int64_t>(&test.operand)) {
      value = std::to_string(*number);
    } else {
      value = properties_.find(std::get<PropertyName>(test.operand).name).value_or("");
    }
  } else {
    std::int64_t change = 0;
    if (const auto* format = std::get_if<std::string>(&test.operand)) {
      change = number_of(expanded(*format));
    } else if (const auto* number = std::get_if<std::int64_t>(&test.operand)) {
      change = *number;
    } else {
      const auto other = properties_.find(std::get<PropertyName>(test.operand).name);
      if (!other) return Outcome::yes;  // nothing is added to it
      change = number_of(*other);
    }
    const auto present = number_of(properties_.find(name).value_or("0"));
    value =
        std::to_string(test.operation == SetProperty::Operation::add ? present + change : present - change);
  }
  properties_.assign({name, std::move(value), facts_.recipient, test.lasts == SetProperty::Lasts::recipient});
  return Outcome::yes;
}

Outcome ClauseCheck::apply(const PropertyTest& test) {
  if (const auto* compared = std::get_if<PropertyTest::Compared>(&test.test)) {
    const auto value = properties_.find(test.property.name);
    operand_ = value.value_or("unset");
    // Against a number there must be one; of two properties one that is not there counts as 0.
    if (!value && std::holds_alternative<std::int64_t>(compared->operand)) return Outcome::no;
    return outcome(
        compare(number_of(value.value_or("0")), compared->comparison, value_of(compared->operand)));
  }
  operand_ = "unset";
  for (const auto& property : properties_.all()) {
    if (!table::equal_ascii_nocase(property.name, test.property.name)) continue;
    operand_ = property.value;
    auto one = Outcome::no;
    if (const auto* equals = std::get_if<PropertyTest::Equals>(&test.test)) {
      one = outcome(table::equal_ascii_nocase(property.value, expanded(equals->format)));
    } else if (const auto* pattern = std::get_if<PropertyTest::IsPatternFor>(&test.test)) {
      one = outcome(fnmatch(property.value.c_str(), expanded(pattern->format).c_str(), FNM_CASEFOLD) == 0);
    } else {
      one = match(std::get<Pattern>(test.test), property.value);
    }
    if (one == Outcome::no) continue;
    context_.property = property;
    return one;
  }
  return Outcome::no;
}

Outcome ClauseCheck::apply(const LogLine& test) {
  decision_.log_lines.push_back(expanded(test.format));
  return Outcome::yes;
}

Outcome ClauseCheck::apply(const TarpitTest& test) {
  decision_.tarpit = test.duration;
  operand_ = answers_.tarpitted ? std::to_string(answers_.tarpitted->count()) + "s" : "not yet";
  return outcome(!answers_.tarpitted || answers_.tarpitted->count() > 0);
}

Reason reason_of(const Test& test, const Configuration& configuration) {
  if (std::holds_alternative<AddressTest>(test)) return Reason::address;
  if (const auto* text = std::get_if<TextTest>(&test)) {
    static constexpr std::array<Reason, 9> kReasons = {Reason::domain, Reason::helo,      Reason::sender,
                                                       Reason::sender, Reason::recipient, Reason::auth,
                                                       Reason::tls,    Reason::content,   Reason::content};
    return kReasons[static_cast<std::size_t>(text->subject)];
  }
  if (const auto* defined = std::get_if<DefinedTest>(&test)) {
    if (defined->kind == Defined::list) {
      const auto& tests = configuration.lists[defined->index].tests;
      return tests.empty() ? Reason::other : reason_of(tests.front(), configuration);
    }
    static constexpr std::array<Reason, 6> kReasons = {Reason::dnsrbl,   Reason::macro,     Reason::other,
                                                       Reason::urlcheck, Reason::ldapcheck, Reason::other};
    return kReasons[static_cast<std::size_t>(defined->kind)];
  }
  if (std::holds_alternative<ContentPropertyTest>(test)) return Reason::content;
  if (std::holds_alternative<MxTest>(test)) return Reason::mx;
  if (std::holds_alternative<CountryTest>(test)) return Reason::country;
  if (std::holds_alternative<SpfTest>(test)) return Reason::spf;
  if (std::holds_alternative<DkimTest>(test)) return Reason::dkim;
  if (std::holds_alternative<QuantityTest>(test)) return Reason::quantity;
  if (std::holds_alternative<CronTimes>(test)) return Reason::time;
  if (std::holds_alternative<PropertyTest>(test)) return Reason::property;
  if (std::holds_alternative<TarpitTest>(test)) return Reason::tarpit;
  return Reason::other;
}

}  // namespace hikyaku::greylist
