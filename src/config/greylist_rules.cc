#include <string>
#include <utility>
#include <variant>

#include "config/greylist_reader.h"
#include "config/greylist_values.h"
#include "greylist/reply_code.h"

namespace hikyaku::config {
namespace {

using namespace greylist;
namespace values = greylist_values;

/// The stage of which a test alone can be; nullopt: of each.
std::optional<Stage> stage_of(const Test& test) {
  if (const auto* text = std::get_if<TextTest>(&test)) {
    if (text->subject == Subject::header || text->subject == Subject::body) return Stage::message;
    if (text->subject == Subject::helo) return Stage::recipient;
    return std::nullopt;
  }
  if (std::holds_alternative<ContentPropertyTest>(test) || std::holds_alternative<DkimTest>(test))
    return Stage::message;
  if (const auto* quantity = std::get_if<QuantityTest>(&test))
    return quantity->quantity == Quantity::msgsize ? std::optional(Stage::message) : std::nullopt;
  return std::nullopt;
}

/// What may be in a rule once: milter-greylist refuses a second one of these too.
bool once(const Test& test) {
  if (std::holds_alternative<AddressTest>(test) || std::holds_alternative<MxTest>(test) ||
      std::holds_alternative<TarpitTest>(test))
    return true;
  const auto* text = std::get_if<TextTest>(&test);
  if (text == nullptr) return false;
  return text->subject == Subject::domain || text->subject == Subject::helo ||
         text->subject == Subject::from || text->subject == Subject::rawfrom;
}

bool same_kind(const Test& one, const Test& other) {
  const auto *text = std::get_if<TextTest>(&one), *other_text = std::get_if<TextTest>(&other);
  if (text != nullptr && other_text != nullptr)
    return text->subject == other_text->subject && text->pattern.is_regex() == other_text->pattern.is_regex();
  return one.index() == other.index();
}

class RuleReader {
 public:
  RuleReader(GreylistReading& reading, Stage stage, Origin origin)
      : reading_(reading), scanner_(reading.scanner) {
    rule_.stage = stage;
    rule_.origin = origin;
  }

  void read(bool with_id, bool may_go_on) {
    if (with_id) rule_.id = scanner_.quoted().value_or("");
    read_action(may_go_on);
    const bool is_default = scanner_.take_word("default");
    while (!scanner_.failed() && !scanner_.at_end()) {
      if (read_value()) continue;
      auto clause = is_default ? std::nullopt : read_clause(reading_);
      if (!clause) {
        scanner_.expected(is_default ? "a value such as delay 1h" : "a clause, or a value such as delay 1h");
        return;
      }
      left_out_ = left_out_ || clause->retired;
      if (clause->clause) add(std::move(*clause->clause));
    }
    if (!is_default && rule_.clauses.empty() && !left_out_)
      scanner_.expected("a clause, or \"default\" for a rule that holds always");
    if (!scanner_.failed() && !left_out_) keep(is_default);
  }

 private:
  void read_action(bool may_go_on) {
    if (scanner_.take_word("greylist")) {
      rule_.action = Action::greylist;
    } else if (scanner_.take_word("whitelist")) {
      rule_.action = Action::whitelist;
    } else if (scanner_.take_word("blacklist")) {
      rule_.action = Action::blacklist;
    } else if (may_go_on && scanner_.take_word("continue")) {
      rule_.action = Action::go_on;
    } else {
      scanner_.expected(may_go_on ? "greylist, whitelist, blacklist or continue"
                                  : "greylist, whitelist or blacklist");
    }
  }

  /// The same for a list: its tests are of one kind.
  std::optional<Stage> stage_of_clause(const Test& test) const {
    const auto* defined = std::get_if<DefinedTest>(&test);
    if (defined == nullptr || defined->kind != Defined::list) return stage_of(test);
    const auto& lists = reading_.configuration.lists;
    if (defined->index >= lists.size() || lists[defined->index].tests.empty()) return std::nullopt;
    return stage_of(lists[defined->index].tests.front());
  }

  void add(Clause clause) {
    if (const auto stage = stage_of_clause(clause.test); stage && *stage != rule_.stage) {
      scanner_.error(*stage == Stage::message
                         ? "this is not known yet at RCPT: the clause belongs into a dacl line"
                         : "this is asked at RCPT alone: the clause belongs into a racl line");
      return;
    }
    if (once(clause.test))
      for (const auto& other : rule_.clauses)
        if (same_kind(other.test, clause.test)) {
          scanner_.error("the rule has such a clause before: both can't hold; a list names alternatives");
          return;
        }
    rule_.clauses.push_back(std::move(clause));
  }

  template <class T>
  void once_set(std::optional<T>& value, T to) {
    if (value) scanner_.error("the rule says that twice");
    value = std::move(to);
  }
  bool text_value(std::string_view word, std::optional<std::string>& value) {
    if (!scanner_.take_word(word)) return false;
    once_set(value, values::quoted(scanner_, "a text in quotes"));
    return true;
  }

  bool read_value() {
    auto& all = rule_.values;
    if (text_value("code", all.code)) {
      check_code(*all.code);
    } else if (text_value("ecode", all.ecode)) {
      check_ecode(*all.ecode);
    } else if (text_value("msg", all.msg) || text_value("report", all.report) ||
               text_value("addfooter", all.addfooter) || text_value("subjtag", all.subjtag)) {
    } else if (scanner_.take_word("delay")) {
      once_set(all.delay, values::duration(scanner_));
    } else if (scanner_.take_word("autowhite")) {
      once_set(all.autowhite, values::duration(scanner_));
    } else if (scanner_.take_word("tarpit_scope")) {
      once_set(all.tarpit_scope, read_scope());
    } else if (scanner_.take_word("addheader")) {
      RuleValues::AddedHeader header{
          values::quoted(scanner_, "a header in quotes, such as \"X-Name: value\""), {}};
      if (!scanner_.failed() && header.format.find(": ") == std::string::npos)
        scanner_.error("a header is \"Name: value\"");
      if (scanner_.take(',')) header.index = values::small_number(scanner_, 10000);
      once_set(all.addheader, std::move(header));
    } else if (scanner_.take_word("maxpeek")) {
      once_set(all.maxpeek, values::number(scanner_));
    } else if (scanner_.take_word("flushaddr")) {
      all.flushaddr = true;
    } else if (scanner_.take_word("nolog")) {
      all.nolog = true;
    } else {
      return false;
    }
    return true;
  }

  TarpitScope read_scope() {
    if (scanner_.take_word("command")) return TarpitScope::command;
    if (!scanner_.take_word("session")) scanner_.expected("session or command");
    return TarpitScope::session;
  }

  /// A reply with another code would not reach the client: the filter protocol knows these two alone.
  void check_code(const std::string& code) {
    if (!is_reply_code(code) && !scanner_.failed())
      scanner_.error("a reply's code is three digits that begin with 4 or 5");
  }

  void check_ecode(const std::string& ecode) {
    if (!is_enhanced_code(ecode) && !scanner_.failed())
      scanner_.error("an enhanced code is three numbers, of which the first is 4 or 5, such as 4.7.1");
  }

  /// An MTA takes no reply whose codes are of different classes.
  void check_classes() {
    const auto& all = rule_.values;
    if (all.code && all.ecode && all.code->front() != all.ecode->front())
      scanner_.warning("code and ecode are of different classes: the ecode will begin with the code's digit");
  }

  void keep(bool is_default) {
    check_classes();
    auto& ended =
        rule_.stage == Stage::recipient ? reading_.recipient_rules_ended : reading_.message_rules_ended;
    if (ended) scanner_.warning("this rule is never looked at: one above it is the default");
    ended = ended || (is_default && rule_.action != Action::go_on);
    rule_.last_line = scanner_.last_line();
    reading_.configuration.rules.push_back(std::move(rule_));
  }

  GreylistReading& reading_;
  GreylistScanner& scanner_;
  Rule rule_;
  bool left_out_ = false;
};

}  // namespace

void read_rule(GreylistReading& reading, std::string_view kind, Origin origin) {
  const bool old = kind == "acl";  // knows no id and no continue
  RuleReader(reading, kind == "dacl" ? Stage::message : Stage::recipient, origin).read(!old, !old);
}

void read_short_rule(GreylistReading& reading, std::string_view word, Origin origin) {
  auto& scanner = reading.scanner;
  auto& configuration = reading.configuration;
  Rule rule;
  rule.origin = origin;
  // A recipient's line in test mode names who is greylisted, and all others are not.
  rule.action = word == "rcpt" && configuration.testmode.value ? Action::greylist : Action::whitelist;
  auto test = word == "addr" ? Test(AddressTest{values::network(scanner)})
                             : read_text_test(reading, subject_of(word).value());
  rule.clauses.push_back({std::move(test), false, origin, scanner.marked()});
  rule.last_line = scanner.last_line();
  scanner.end();
  if (!scanner.failed()) reading.short_rules.push_back(std::move(rule));
}

}  // namespace hikyaku::config
