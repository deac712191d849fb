#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "config/greylist_reader.h"
#include "config/greylist_values.h"
#include "config/greylist_words.h"

namespace hikyaku::config {
namespace {

using namespace greylist;
namespace values = greylist_values;

struct DefinedWord {
  std::string_view word;
  Defined kind;
};
constexpr std::array<DefinedWord, 7> kDefined = {{{"dnsrbl", Defined::dnsrbl},
                                                  {"sm_macro", Defined::sm_macro},
                                                  {"ratelimit", Defined::ratelimit},
                                                  {"urlcheck", Defined::urlcheck},
                                                  {"ldapcheck", Defined::ldapcheck},
                                                  {"nsupdate", Defined::nsupdate},
                                                  {"list", Defined::list}}};

struct SubjectWord {
  std::string_view word;
  Subject subject;
};
constexpr std::array<SubjectWord, 9> kSubjects = {{{"domain", Subject::domain},
                                                   {"helo", Subject::helo},
                                                   {"from", Subject::from},
                                                   {"rawfrom", Subject::rawfrom},
                                                   {"rcpt", Subject::rcpt},
                                                   {"auth", Subject::auth},
                                                   {"tls", Subject::tls},
                                                   {"header", Subject::header},
                                                   {"body", Subject::body}}};

template <class Definition>
std::size_t find(const std::vector<Definition>& all, const std::string& name) {
  const auto found = std::find_if(all.begin(), all.end(), [&](const auto& one) { return one.name == name; });
  return static_cast<std::size_t>(found - all.begin());
}

/// A word of what SPF or DKIM found, if one follows.
std::optional<SpfWord> take_check_word(GreylistScanner& scanner) {
  for (const auto status : {SpfWord::pass, SpfWord::softfail, SpfWord::fail, SpfWord::neutral,
                            SpfWord::unknown, SpfWord::error, SpfWord::none, SpfWord::self})
    if (scanner.take_word(text(status))) return status;
  return std::nullopt;
}

/// What the rules of a stage look at would else have been decided before all of them.
void decides_itself(Setting<bool>& setting, Origin where) {
  if (!setting.value) setting.set(true, where);
}

Test read_quantity(GreylistReading& reading, Quantity quantity) {
  auto& scanner = reading.scanner;
  QuantityTest test{quantity, Comparison::equal, std::int64_t{0}};
  test.comparison = values::comparison(scanner).value_or(Comparison::equal);
  if (scanner.next_is('$')) {
    test.operand = values::property(scanner);
  } else {
    test.operand = values::number(scanner);
  }
  return test;
}

Test read_set(GreylistReading& reading, SetProperty::Lasts lasts) {
  auto& scanner = reading.scanner;
  SetProperty set{lasts, values::property(scanner), SetProperty::Operation::assign, {}};
  if (scanner.take('+')) {
    set.operation = SetProperty::Operation::add;
  } else if (scanner.take('-')) {
    set.operation = SetProperty::Operation::subtract;
  }
  if (!scanner.take('=')) scanner.expected("one of =, += and -=");
  if (scanner.next_is('$')) {
    set.operand = values::property(scanner);
  } else if (auto text = scanner.quoted()) {
    set.operand = std::move(*text);
  } else {
    set.operand = values::number(scanner);
  }
  return set;
}

Test read_property_test(GreylistReading& reading) {
  auto& scanner = reading.scanner;
  if (scanner.take('*')) {
    auto name = values::property(scanner);
    return PropertyTest{std::move(name),
                        PropertyTest::IsPatternFor{values::quoted(scanner, "a text in quotes")}};
  }
  PropertyTest test{values::property(scanner), PropertyTest::Equals{}};
  if (auto text = scanner.quoted()) {
    test.test = PropertyTest::Equals{std::move(*text)};
  } else if (auto pattern = values::regex(scanner, reading.syntax)) {
    test.test = std::move(*pattern);
  } else {
    PropertyTest::Compared compared{values::comparison(scanner).value_or(Comparison::equal), std::int64_t{0}};
    if (scanner.next_is('$')) {
      compared.operand = values::property(scanner);
    } else {
      compared.operand = values::number(scanner);
    }
    test.test = std::move(compared);
  }
  return test;
}

CronTimes read_times(GreylistScanner& scanner) {
  const auto text = values::quoted(scanner, "times in quotes, such as \"0-30 8-18 * * 1-5\"");
  std::size_t place = 0;
  auto times = CronTimes::parse(text, place);
  if (!times) scanner.error("these times can't be read: " + times.error().text);
  return times.value_or(CronTimes());
}

std::string read_country(GreylistScanner& scanner) {
  auto code = values::quoted(scanner, "a country's code in quotes, such as \"CN\"");
  const bool letters = code.size() == 2 && std::all_of(code.begin(), code.end(), [](char c) {
                         return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
                       });
  if (!letters && !scanner.failed())
    scanner.error(
        "a country's code is two capital letters, such as \"CN\" (ISO 3166-1); \"ZZ\" is no known one");
  return code;
}

/// The test that `word` begins, which was taken. nullopt: it begins none.
std::optional<Test> read_test(GreylistReading& reading, const std::string& word, Origin origin) {
  auto& scanner = reading.scanner;
  auto& configuration = reading.configuration;
  if (const auto subject = subject_of(word)) {
    if (*subject == Subject::auth || *subject == Subject::tls) decides_itself(configuration.noauth, origin);
    if ((*subject == Subject::header || *subject == Subject::body) && scanner.next_is('$'))
      return ContentPropertyTest{*subject, values::property(scanner)};
    return read_text_test(reading, *subject);
  }
  for (const auto& [name, kind] : kDefined)
    if (word == name)
      return DefinedTest{kind, find_defined(reading, kind, values::quoted(scanner, "a name in quotes"))};
  if (word == "addr") return AddressTest{values::network(scanner)};
  if (word == "mx") return MxTest{values::prefix(scanner, 128)};
  if (word == "geoip") return CountryTest{read_country(scanner)};
  if (word == "spf") {
    decides_itself(configuration.nospf, origin);
    return SpfTest{take_check_word(scanner).value_or(SpfWord::pass)};
  }
  if (word == "dkim") {
    const auto status = take_check_word(scanner);
    if (!status) scanner.expected("one of pass, softfail, fail, neutral, unknown, error and none");
    return DkimTest{status.value_or(SpfWord::pass)};
  }
  if (word == "msgsize") return read_quantity(reading, Quantity::msgsize);
  if (word == "rcptcount") return read_quantity(reading, Quantity::rcptcount);
  if (word == "passed") return read_quantity(reading, Quantity::passed);
  if (word == "time") return read_times(scanner);
  if (word == "set") return read_set(reading, SetProperty::Lasts::connection);
  if (word == "rset") return read_set(reading, SetProperty::Lasts::recipient);
  if (word == "log") return LogLine{values::quoted(scanner, "a text in quotes")};
  if (word == "tarpit") return TarpitTest{values::duration(scanner)};
  return std::nullopt;
}

/// Takes what follows on `p0f` or `spamd`.
void read_retired(GreylistReading& reading, const std::string& word) {
  auto& scanner = reading.scanner;
  if (word == "p0f") {
    if (!scanner.quoted() && !scanner.regex())
      scanner.expected("a text in quotes, or an expression between slashes");
    return;
  }
  if (!scanner.next_is('=') && !scanner.next_is('!') && !scanner.next_is('<') && !scanner.next_is('>'))
    return;
  values::comparison(scanner);
  if (scanner.next_is('$')) {
    values::property(scanner);
  } else {
    values::number(scanner);
  }
}

/// The words that begin a clause.
bool begins_clause(GreylistScanner& scanner) {
  if (scanner.next_is('$') || scanner.next_is('*')) return true;
  return std::ranges::any_of(greylist_clauses(),
                             [&](const auto& known) { return scanner.next_is_word(known.word); });
}

}  // namespace

std::optional<Subject> subject_of(std::string_view word) {
  for (const auto& one : kSubjects)
    if (one.word == word) return one.subject;
  return std::nullopt;
}

Test read_text_test(GreylistReading& reading, Subject subject) {
  auto& scanner = reading.scanner;
  if (auto pattern = values::regex(scanner, reading.syntax)) return TextTest{subject, std::move(*pattern)};
  switch (subject) {
    case Subject::domain:
      return TextTest{subject, Pattern::literal(values::domain(scanner))};
    case Subject::from:
    case Subject::rawfrom:
    case Subject::rcpt:
      return TextTest{subject, Pattern::literal(values::address(scanner))};
    case Subject::helo:
    case Subject::auth:
    case Subject::tls:
    case Subject::header:
    case Subject::body:
      break;
  }
  return TextTest{subject, Pattern::literal(values::quoted(
                               scanner, "a text in quotes, or an expression between slashes"))};
}

std::size_t find_defined(GreylistReading& reading, Defined kind, const std::string& name) {
  const auto& all = reading.configuration;
  std::size_t index = 0, count = 0;
  const auto look = [&](const auto& definitions) {
    index = find(definitions, name);
    count = definitions.size();
  };
  switch (kind) {
    case Defined::dnsrbl:
      look(all.dnsrbls);
      break;
    case Defined::sm_macro:
      look(all.macros);
      break;
    case Defined::ratelimit:
      look(all.ratelimits);
      break;
    case Defined::urlcheck:
      look(all.urlchecks);
      break;
    case Defined::ldapcheck:
      look(all.ldapchecks);
      break;
    case Defined::nsupdate:
      look(all.nsupdates);
      break;
    case Defined::list:
      look(all.lists);
      break;
  }
  if (index == count && !reading.scanner.failed()) {
    const auto word =
        std::find_if(kDefined.begin(), kDefined.end(), [&](const auto& one) { return one.kind == kind; });
    reading.scanner.error("there is no " + std::string(word->word) + " \"" + name +
                          "\" above: it is defined before it is used");
  }
  return index;
}

std::optional<ReadClause> read_clause(GreylistReading& reading) {
  auto& scanner = reading.scanner;
  scanner.mark();
  bool negated = false, negation = false;
  while (scanner.take('!') || scanner.take_word("not") || scanner.take_word("no")) negated = negation = true;
  if (!begins_clause(scanner)) {
    if (!negation) return std::nullopt;
    scanner.expected("a clause after \"not\"");
    return ReadClause{};
  }
  const auto origin = scanner.here();
  if (scanner.next_is('$') || scanner.next_is('*')) {
    auto test = read_property_test(reading);
    return ReadClause{Clause{std::move(test), negated, origin, scanner.marked()}};
  }
  const auto word = scanner.word();
  if (word == "p0f" || word == "spamd") {
    read_retired(reading, word);
    if (!scanner.failed()) scanner.warning(word + " is retired: this rule is left out");
    return ReadClause{std::nullopt, true};
  }
  if (word == "list") {
    const auto name = values::quoted(scanner, "a name in quotes");
    const auto& retired = reading.retired_lists;
    if (std::find(retired.begin(), retired.end(), name) != retired.end()) {
      scanner.warning("the list is of what is retired: this rule is left out");
      return ReadClause{std::nullopt, true};
    }
    return ReadClause{Clause{DefinedTest{Defined::list, find_defined(reading, Defined::list, name)}, negated,
                             origin, scanner.marked()}};
  }
  auto test = read_test(reading, word, origin);
  if (!test) return ReadClause{};
  return ReadClause{Clause{std::move(*test), negated, origin, scanner.marked()}};
}

}  // namespace hikyaku::config
