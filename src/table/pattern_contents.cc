#include "table/pattern_contents.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/escape.h"
#include "table/fold.h"
#include "table/logical_lines.h"
#include "table/pcre_engine.h"
#include "table/posix_engine.h"
#include "table/replacement.h"

namespace hikyaku::table {
namespace {

constexpr std::size_t kMaxPattern = 100'000;

bool is_alnum(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

/// True when `line` begins with the word `word` (any case) and no letter or digit follows it.
bool is_statement(std::string_view line, std::string_view word) {
  return line.size() >= word.size() && equal_ascii_nocase(line.substr(0, word.size()), word) &&
         (line.size() == word.size() || !is_alnum(line[word.size()]));
}

/// Patterns that every key matches: keys are never empty. Written in so few ways that a list will do.
bool matches_everything(std::string_view pattern) {
  for (const std::string_view all : {"", "^", ".", ".*", ".+", "^.", "^.*", "^.+", "^.*$", "^.+$", ".*$",
                                     ".+$", "$", "(.*)", "(.+)", "^(.*)$", "^(.+)$", "^(.*)", "^(.+)"}) {
    if (pattern == all) return true;
  }
  return false;
}

template <class Engine>
struct Pattern {
  Engine engine;
  bool wanted = true;  ///< false: "!", the rule applies where the pattern does not match
};

template <class Engine>
struct Rule {
  enum class Kind : unsigned char { match, begin_if, end_if };
  Kind kind = Kind::end_if;
  std::uint32_t line = 0;
  std::optional<Pattern<Engine>> first, second;
  Replacement result;
  std::string text;          ///< the pattern as it was written
  std::string result_text;   ///< the result as it was written; the answer itself when it has no groups
  std::size_t past_end = 0;  ///< begin_if: the rule after its endif
};

template <class Engine>
class PatternContents final : public Contents {
 public:
  PatternContents(std::uint32_t file, std::vector<Rule<Engine>> rules, bool takes_all)
      : file_(file), rules_(std::move(rules)), takes_all_(takes_all) {
    for (const auto& rule : rules_) most_groups_ = std::max(most_groups_, rule.result.groups());
  }

  Answer find(std::string_view key) const override {
    typename Engine::Scratch scratch(key, most_groups_);
    for (std::size_t i = 0; i < rules_.size();) {
      const auto& rule = rules_[i];
      if (rule.kind == Rule<Engine>::Kind::end_if) {
        ++i;
        continue;
      }
      const auto holds = applies(rule, scratch);
      if (!holds) return std::unexpected(holds.error());
      if (rule.kind == Rule<Engine>::Kind::begin_if) {
        i = *holds ? i + 1 : rule.past_end;
        continue;
      }
      if (*holds) return answer(rule, scratch);
      ++i;
    }
    return std::optional<Found>{};
  }

  Table::Kind kind() const override { return Table::Kind::pattern; }
  bool answers_every_key() const override { return takes_all_; }

  void visit(const std::function<void(const Row&)>& row) const override {
    for (const auto& rule : rules_) {
      if (rule.kind == Rule<Engine>::Kind::match)
        row({rule.text, rule.result_text, Origin{file_, rule.line}});
    }
  }

 private:
  Result<bool> applies(const Rule<Engine>& rule, typename Engine::Scratch& scratch) const {
    // The second pattern goes first: the first one's groups must be what stays in `scratch`. Both must hold,
    // so that the order changes nothing else.
    for (const auto* pattern : {&rule.second, &rule.first}) {
      if (!*pattern) continue;
      const unsigned groups = pattern == &rule.first ? rule.result.groups() : 0;
      const auto outcome = (*pattern)->engine.match(groups, scratch);
      if (outcome == Engine::Outcome::failed) {
        return fail(Fault::temporary, std::string(Engine::kType) + " rule on line " +
                                          std::to_string(rule.line) +
                                          " could not be matched: " + scratch.why());
      }
      if ((outcome == Engine::Outcome::match) != (*pattern)->wanted) return false;
    }
    return true;
  }

  Answer answer(const Rule<Engine>& rule, const typename Engine::Scratch& scratch) const {
    const Origin origin{file_, rule.line};
    if (rule.result.groups() == 0) return std::optional<Found>{Found{rule.result_text, origin}};
    return std::optional<Found>{
        Found{rule.result.expand([&](unsigned group) { return scratch.group(group); }), origin}};
  }

  std::uint32_t file_;
  std::vector<Rule<Engine>> rules_;
  bool takes_all_;  // a rule outside of any "if" matches every key
  unsigned most_groups_ = 0;
};

template <class Engine>
class PatternLoader {
 public:
  PatternLoader(std::string_view text, std::uint32_t file, Substitution substitution)
      : text_(text), substitution_(substitution), remarks_(file) {}

  Loaded load() {
    LogicalLines lines(text_);
    while (lines.next(line_)) {
      const auto rule = trim_end(line_.text);
      if (line_.orphan()) {
        refuse(0, "the line begins with white space, but there is no line before that it continues");
      } else if (rule.find('\0') != std::string_view::npos) {
        refuse(rule.find('\0'), "the line holds a NUL octet");
      } else if (!is_alnum(rule.front())) {
        add_match(rule);
      } else if (is_statement(rule, "if")) {
        add_if(rule);
      } else if (is_statement(rule, "endif")) {
        add_endif(rule);
      } else {
        refuse(0, "neither a /pattern/, nor \"if\", nor \"endif\"");
      }
    }
    close_open_ifs();
    auto contents =
        std::make_shared<PatternContents<Engine>>(remarks_.file(), std::move(rules_), closed_by_ != 0);
    return {std::move(contents), remarks_.take()};
  }

 private:
  using RuleKind = typename Rule<Engine>::Kind;

  /// A pattern as it is written: between its delimiters.
  struct Written {
    std::string_view pattern;
    typename Engine::Flags flags;
    bool wanted = true;
    std::size_t column = 0;  // of its first octet in the line, from 0
  };

  void refuse(std::size_t at, std::string why) {
    remarks_.add(Diagnostic::Level::error, line_.number, column(at),
                 std::move(why) + "; this rule is left out", line_.text);
  }
  void warn(std::size_t at, std::string why) {
    remarks_.add(Diagnostic::Level::warning, line_.number, column(at), std::move(why), line_.text);
  }
  std::size_t column(std::size_t at) const { return at < line_.first_size ? at + 1 : 0; }

  /// Reads "!", the delimiter, the pattern and its flags from `at`. False after it has refused the rule.
  bool take_pattern(std::string_view rule, std::size_t& at, Written& written) {
    for (; at < rule.size() && (rule[at] == '!' || is_space(rule[at])); ++at) {
      if (rule[at] == '!') written.wanted = !written.wanted;
    }
    if (at == rule.size()) {
      refuse(at - 1, "there is no pattern");
      return false;
    }
    const char delimiter = rule[at];
    const std::size_t begin = ++at;
    while (at < rule.size() && rule[at] != delimiter) at += rule[at] == '\\' ? 2 : 1;
    if (at >= rule.size()) {
      refuse(begin - 1,
             std::string("there is no second '") + escaped({&delimiter, 1}) + "' that ends the pattern");
      return false;
    }
    written.column = begin;
    written.pattern = rule.substr(begin, at - begin);
    ++at;
    return take_flags(rule, at, written);
  }

  bool take_flags(std::string_view rule, std::size_t& at, Written& written) {
    for (; at < rule.size() && !is_space(rule[at]); ++at) {
      if (Engine::kSecondPattern && rule[at] == '!') break;
      switch (written.flags.take(rule[at])) {
        case Engine::Flags::Taken::yes:
          break;
        case Engine::Flags::Taken::ignored:
          warn(at, std::string("the flag '") + rule[at] + "' is obsolete and has no effect");
          break;
        case Engine::Flags::Taken::unknown:
          refuse(at, std::string("there is no flag '") + escaped(rule.substr(at, 1)) + "'");
          return false;
      }
    }
    return true;
  }

  bool compile(const Written& written, unsigned groups, std::optional<Pattern<Engine>>& made) {
    if (written.pattern.size() > kMaxPattern) {
      refuse(written.column, "the pattern is longer than " + std::to_string(kMaxPattern) + " octets");
      return false;
    }
    auto engine = Engine::compile(written.pattern, written.flags, groups);
    if (!engine) {
      refuse(written.column, engine.error().text);
      return false;
    }
    made.emplace(Pattern<Engine>{std::move(*engine), written.wanted});
    return true;
  }

  void add_match(std::string_view text) {
    std::size_t at = 0;
    Written first, second;
    bool has_second = false;
    if (!take_pattern(text, at, first)) return;
    if (Engine::kSecondPattern && at < text.size() && text[at] == '!') {
      has_second = true;
      if (!take_pattern(text, at, second)) return;
    }
    Rule<Engine> rule{.kind = RuleKind::match, .line = line_.number};
    rule.text = trim_end(text.substr(0, at));
    while (at < text.size() && is_space(text[at])) ++at;
    if (at == text.size()) warn(0, "there is no result: the empty text is the answer, which callers refuse");
    if (!read_result(text, at, first, rule) || !compile(first, rule.result.groups(), rule.first)) return;
    if (rule.result.groups() > rule.first->engine.groups()) {
      refuse(at, "the result refers to group " + std::to_string(rule.result.groups()) +
                     ", but the pattern has " + std::to_string(rule.first->engine.groups()));
      return;
    }
    if (has_second && !compile(second, 0, rule.second)) return;
    remark_unreachable(rule, first.wanted && !has_second && matches_everything(first.pattern));
    rules_.push_back(std::move(rule));
  }

  bool read_result(std::string_view text, std::size_t at, const Written& first, Rule<Engine>& rule) {
    auto result = Replacement::parse(text.substr(at));
    if (!result) {
      refuse(at, result.error().text);
      return false;
    }
    if (result->groups() > 0 && !first.wanted) {
      refuse(at, "a result with $number cannot follow a pattern that must not match");
      return false;
    }
    if (result->groups() > 0 && substitution_ == Substitution::refused) {
      refuse(at, "$number is not allowed in this table, whose results must not come from the key");
      return false;
    }
    rule.result_text = result->groups() == 0 ? result->literal() : std::string(text.substr(at));
    rule.result = std::move(*result);
    return true;
  }

  void remark_unreachable(const Rule<Engine>& rule, bool takes_all) {
    unsigned& closed_by = open_.empty() ? closed_by_ : open_.back().closed_by;
    unsigned by = closed_by_;
    for (const auto& block : open_) by = by != 0 ? by : block.closed_by;
    if (by != 0) {
      warn(0, "this rule is never reached: the rule on line " + std::to_string(by) + " matches every key");
    } else if (const auto* seen = same_pattern(rule.text)) {
      warn(0, "this rule is never reached: line " + std::to_string(seen->line) + " has the same pattern");
    }
    if (takes_all && by == 0) closed_by = rule.line;
  }

  /// A rule with this pattern that is tried whenever the next rule would be: not one within a closed "if".
  const Rule<Engine>* same_pattern(std::string_view written) const {
    constexpr std::size_t most_compared = 5000;  // each rule with all before
    if (rules_.size() > most_compared) return nullptr;
    for (std::size_t i = 0; i < rules_.size();) {
      const auto& rule = rules_[i];
      if (rule.kind == RuleKind::match && rule.text == written) return &rule;
      i = rule.kind == RuleKind::begin_if && rule.past_end != 0 ? rule.past_end : i + 1;
    }
    return nullptr;
  }

  void add_if(std::string_view text) {
    std::size_t at = 2;
    while (at < text.size() && is_space(text[at])) ++at;
    Written written;
    Rule<Engine> rule{.kind = RuleKind::begin_if, .line = line_.number};
    if (at == text.size()) {
      refuse(0, "there is no pattern after \"if\"");
      return;
    }
    if (!take_pattern(text, at, written)) return;
    rule.text = text.substr(0, at);
    while (at < text.size() && is_space(text[at])) ++at;
    if (at < text.size()) {
      warn(at,
           "text after the pattern of \"if\" is ignored; no white space may stand before the rules between "
           "\"if\" and \"endif\"");
    }
    if (!compile(written, 0, rule.first)) return;
    open_.push_back({rules_.size(), 0});
    rules_.push_back(std::move(rule));
  }

  void add_endif(std::string_view text) {
    if (open_.empty()) {
      refuse(0, "\"endif\" without \"if\"");
      return;
    }
    if (text.size() > 5 && !trim(text.substr(5)).empty()) warn(5, "text after \"endif\" is ignored");
    rules_.push_back(Rule<Engine>{.kind = RuleKind::end_if, .line = line_.number});
    rules_[open_.back().rule].past_end = rules_.size();
    open_.pop_back();
  }

  /// An "if" that is never closed reaches to the end of the table.
  void close_open_ifs() {
    for (const auto& block : open_) {
      auto& rule = rules_[block.rule];
      rule.past_end = rules_.size();
      remarks_.add(Diagnostic::Level::warning, rule.line, 1,
                   "this \"if\" has no \"endif\": it reaches to the end of the table", rule.text);
    }
  }

  struct Block {
    std::size_t rule = 0;    // the "if"
    unsigned closed_by = 0;  // the line of a rule in it that matches every key
  };

  std::string_view text_;
  Substitution substitution_;
  Remarks remarks_;
  LogicalLines::Line line_;
  std::vector<Rule<Engine>> rules_;
  std::vector<Block> open_;
  unsigned closed_by_ = 0;
};

}  // namespace

Loaded load_regexp(std::string_view text, std::uint32_t file, Substitution substitution) {
  return PatternLoader<PosixEngine>(text, file, substitution).load();
}

Loaded load_pcre(std::string_view text, std::uint32_t file, Substitution substitution) {
  return PatternLoader<PcreEngine>(text, file, substitution).load();
}

}  // namespace hikyaku::table
