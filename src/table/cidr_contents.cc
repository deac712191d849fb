#include "table/cidr_contents.h"

#include <algorithm>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "table/fold.h"
#include "table/ip.h"
#include "table/logical_lines.h"

namespace hikyaku::table {
namespace {

struct Rule {
  enum class Kind : unsigned char { match, begin_if, end_if };
  Kind kind = Kind::end_if;
  bool wanted = true;  // false: "!"
  std::uint32_t line = 0;
  Network network;
  std::string written, result;
  std::size_t past_end = 0;  // begin_if: the rule after its endif
};

/// "!" holds for addresses of the same family alone.
bool holds(const Rule& rule, const Ip& ip) {
  return rule.network.base().family() == ip.family() && rule.network.contains(ip) == rule.wanted;
}

/// The networks of one family and prefix: base address -> the first rule that has it.
struct Prefix {
  Ip::Family family;
  unsigned bits;
  std::vector<std::pair<Ip, std::size_t>> bases;  // sorted

  const std::size_t* rule_of(const Ip& ip) const {
    if (ip.family() != family) return nullptr;
    const Ip base = ip.masked(bits);
    const auto found =
        std::lower_bound(bases.begin(), bases.end(), base,
                         [](const auto& entry, const Ip& wanted) { return entry.first < wanted; });
    return found != bases.end() && found->first == base ? &found->second : nullptr;
  }
};

std::vector<Prefix> by_prefix(const std::vector<Rule>& rules) {
  std::map<std::pair<Ip::Family, unsigned>, std::map<Ip, std::size_t>> groups;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const Network& network = rules[i].network;
    groups[{network.base().family(), network.prefix()}].emplace(network.base(), i);
  }
  std::vector<Prefix> prefixes;
  for (const auto& [key, bases] : groups) {
    prefixes.push_back({key.first, key.second, {bases.begin(), bases.end()}});
  }
  return prefixes;
}

class CidrContents final : public Contents {
 public:
  CidrContents(std::uint32_t file, std::vector<Rule> rules) : file_(file), rules_(std::move(rules)) {
    const auto plain = [](const Rule& rule) { return rule.kind == Rule::Kind::match && rule.wanted; };
    if (std::all_of(rules_.begin(), rules_.end(), plain)) prefixes_ = by_prefix(rules_);
  }

  Answer find(std::string_view key) const override {
    const auto ip = Ip::parse_unmapped(key);
    const Rule* rule = !ip ? nullptr : prefixes_.empty() ? first_in_order(*ip) : first_by_prefix(*ip);
    if (rule == nullptr) return std::optional<Found>{};
    return std::optional<Found>{Found{rule->result, Origin{file_, rule->line}}};
  }

  Table::Kind kind() const override { return Table::Kind::pattern; }

  void visit(const std::function<void(const Row&)>& row) const override {
    for (const Rule& rule : rules_) {
      if (rule.kind == Rule::Kind::match) row({rule.written, rule.result, Origin{file_, rule.line}});
    }
  }

 private:
  const Rule* first_by_prefix(const Ip& ip) const {
    std::size_t first = std::numeric_limits<std::size_t>::max();
    for (const Prefix& prefix : prefixes_) {
      if (const auto* rule = prefix.rule_of(ip)) first = std::min(first, *rule);
    }
    return first < rules_.size() ? &rules_[first] : nullptr;
  }

  const Rule* first_in_order(const Ip& ip) const {
    for (std::size_t i = 0; i < rules_.size();) {
      const Rule& rule = rules_[i];
      if (rule.kind == Rule::Kind::begin_if && !holds(rule, ip)) {
        i = rule.past_end;
        continue;
      }
      if (rule.kind == Rule::Kind::match && holds(rule, ip)) return &rule;
      ++i;
    }
    return nullptr;
  }

  std::uint32_t file_;
  std::vector<Rule> rules_;
  std::vector<Prefix> prefixes_;  // empty: rules are tried in order
};

bool is_statement(std::string_view line, std::string_view word) {
  const auto is_alnum = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  return line.size() >= word.size() && equal_ascii_nocase(line.substr(0, word.size()), word) &&
         (line.size() == word.size() || !is_alnum(line[word.size()]));
}

class CidrLoader {
 public:
  CidrLoader(std::string_view text, std::uint32_t file) : text_(text), remarks_(file) {}

  Loaded load() {
    LogicalLines lines(text_);
    while (lines.next(line_)) {
      const auto rule = trim_end(line_.text);
      if (line_.orphan()) {
        refuse(0, "the line begins with white space, but there is no line before that it continues");
      } else if (is_statement(rule, "if")) {
        add_if(rule);
      } else if (is_statement(rule, "endif")) {
        add_endif(rule);
      } else {
        add_match(rule);
      }
    }
    for (const std::size_t open : open_) {
      rules_[open].past_end = rules_.size();
      remarks_.add(Diagnostic::Level::warning, rules_[open].line, 1,
                   "this \"if\" has no \"endif\": it reaches to the end of the table",
                   "if " + rules_[open].written);
    }
    remark_unreachable();
    return {std::make_shared<CidrContents>(remarks_.file(), std::move(rules_)), remarks_.take()};
  }

 private:
  void refuse(std::size_t at, std::string why) {
    remarks_.add(Diagnostic::Level::error, line_.number, at < line_.first_size ? at + 1 : 0,
                 std::move(why) + "; this rule is left out", line_.text);
  }

  bool take_network(std::string_view written, std::size_t at, Rule& rule) {
    rule.line = line_.number;
    rule.written = written;
    while (written.starts_with('!')) {
      rule.wanted = !rule.wanted;
      written.remove_prefix(1);
    }
    if (written.empty()) {
      refuse(at, "there is no network");
      return false;
    }
    const auto network = Network::parse(written);
    if (!network) {
      refuse(at, network.error().text);
      return false;
    }
    rule.network = *network;
    return true;
  }

  void add_match(std::string_view text) {
    const auto* end = std::find_if(text.begin(), text.end(), is_space);
    const auto written = text.substr(0, static_cast<std::size_t>(end - text.begin()));
    const auto result = trim(text.substr(written.size()));
    Rule rule{.kind = Rule::Kind::match};
    if (result.empty()) {
      refuse(0, "there is a network but no result");
      return;
    }
    rule.result = result;
    if (take_network(written, 0, rule)) rules_.push_back(std::move(rule));
  }

  void add_if(std::string_view text) {
    const auto written = trim(text.substr(2));
    Rule rule{.kind = Rule::Kind::begin_if};
    if (!take_network(written, static_cast<std::size_t>(written.data() - text.data()), rule)) return;
    open_.push_back(rules_.size());
    rules_.push_back(std::move(rule));
  }

  void add_endif(std::string_view text) {
    if (open_.empty()) {
      refuse(0, "\"endif\" without \"if\"");
    } else if (!trim(text.substr(5)).empty()) {
      refuse(5, "text after \"endif\"");
    } else {
      rules_.push_back(Rule{.kind = Rule::Kind::end_if, .line = line_.number});
      rules_[open_.back()].past_end = rules_.size();
      open_.pop_back();
    }
  }

  /// Told for the rules outside of "if" alone: within one, reaching them depends on it.
  void remark_unreachable() {
    constexpr std::size_t most_compared = 3000;  // each with all before
    if (rules_.size() > most_compared) return;
    std::vector<const Rule*> before;
    for (std::size_t i = 0; i < rules_.size();) {
      const Rule& rule = rules_[i];
      i = rule.kind == Rule::Kind::begin_if ? rule.past_end : i + 1;
      if (rule.kind != Rule::Kind::match || !rule.wanted) continue;
      for (const Rule* earlier : before) {
        if (earlier->network.prefix() > rule.network.prefix() ||
            !earlier->network.contains(rule.network.base())) {
          continue;
        }
        remarks_.add(Diagnostic::Level::warning, rule.line, 1,
                     "this rule is never reached: line " + std::to_string(earlier->line) + ", " +
                         earlier->written + ", holds all of its addresses",
                     rule.written + " " + rule.result);
        break;
      }
      before.push_back(&rule);
    }
  }

  std::string_view text_;
  Remarks remarks_;
  LogicalLines::Line line_;
  std::vector<Rule> rules_;
  std::vector<std::size_t> open_;
};

}  // namespace

Loaded load_cidr(std::string_view text, std::uint32_t file) { return CidrLoader(text, file).load(); }

}  // namespace hikyaku::table
