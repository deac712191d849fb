#include "config/expand.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

#include "config/logical_lines.h"

namespace hikyaku::config {
namespace {

constexpr std::size_t kMostReferences = 10'000;
constexpr std::size_t kDeepestNesting = 100;

bool is_name_octet(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

std::size_t skip_space(std::string_view text, std::size_t at, std::size_t end) {
  while (at < end && kWhiteSpace.contains(text[at])) ++at;
  return at;
}

std::size_t skip_name(std::string_view text, std::size_t at, std::size_t end) {
  while (at < end && is_name_octet(text[at])) ++at;
  return at;
}

/// The brace or parenthesis that closes the one at `open`; npos if none before `end`. Only its own kind is
/// counted, as Postfix does.
std::size_t closing(std::string_view text, std::size_t open, std::size_t end) {
  const char opens = text[open];
  const char closes = opens == '{' ? '}' : ')';
  std::size_t level = 0;
  for (std::size_t at = open; at < end; ++at) {
    if (text[at] == opens) ++level;
    if (text[at] == closes && --level == 0) return at;
  }
  return std::string_view::npos;
}

struct Operator {
  std::string_view spelling;
  bool less, equal, greater;  // the orders for which it holds
};

// Longer spellings before their beginnings.
constexpr std::array kOperators{
    Operator{"==", false, true, false}, Operator{"!=", true, false, true}, Operator{"<=", true, true, false},
    Operator{">=", false, true, true},  Operator{"<", true, false, false}, Operator{">", false, false, true},
};

bool holds(const Operator& op, std::strong_ordering order) {
  if (order < 0) return op.less;
  return order > 0 ? op.greater : op.equal;
}

bool all_digits(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

std::optional<std::int64_t> number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// Numbers as numbers, everything else octet by octet. nullopt for a number that is too large.
std::optional<std::strong_ordering> compare(std::string_view left, std::string_view right) {
  if (!all_digits(left) || !all_digits(right)) return left <=> right;
  const auto a = number(left);
  const auto b = number(right);
  if (!a || !b) return std::nullopt;
  return *a <=> *b;
}

/// One expand(). Members return false after a fault; then the whole result is void.
class Expansion {
 public:
  Expansion(std::string_view name, const Names& names, Diagnostics& diagnostics)
      : names_(names), diagnostics_(diagnostics), path_{std::string(name)} {}

  bool put(const SourceText& raw, std::size_t begin, std::size_t end, SourceText& out);

 private:
  bool put_inside(const SourceText& raw, std::size_t begin, std::size_t end, SourceText& out);
  bool put_reference(const SourceText& raw, std::size_t begin, std::size_t end, SourceText& out);
  bool put_value(const SourceText& raw, std::size_t begin, std::size_t end, SourceText& out);
  bool put_choice(const SourceText& raw, std::size_t at, std::size_t end, bool condition, SourceText& out);
  bool relation(const SourceText& raw, std::size_t& at, std::size_t end, bool& result);
  bool operand(const SourceText& raw, std::size_t& at, std::size_t end, std::string& result);

  bool fault(const SourceText& raw, std::size_t at, std::string text);
  bool too_much(std::string text);
  bool circle(std::string_view name);

  const Names& names_;
  Diagnostics& diagnostics_;
  std::vector<std::string> path_;  // the names that are being expanded, outermost first
  SourceText::Place top_;          // the reference of the outermost text that is being followed
  std::size_t references_ = 0;
  std::size_t depth_ = 0;
};

void report(Diagnostics& diagnostics, SourceText::Place place, std::string text) {
  diagnostics.add({.level = Diagnostic::Level::error,
                   .where = place.origin,
                   .column = place.column,
                   .text = std::move(text)});
}

bool Expansion::fault(const SourceText& raw, std::size_t at, std::string text) {
  // The fault of another parameter is told once, when that one is expanded.
  if (path_.size() == 1) report(diagnostics_, raw.place(at), path_.front() + ": " + std::move(text));
  return false;
}

bool Expansion::too_much(std::string text) {
  report(diagnostics_, top_, path_.front() + ": " + std::move(text));
  return false;
}

bool Expansion::circle(std::string_view name) {
  // Every name of the circle finds it. The one that sorts first tells it.
  if (name != path_.front() || path_.front() != *std::ranges::min_element(path_)) return false;
  std::string shown;
  for (const auto& step : path_) shown += step + " -> ";
  report(diagnostics_, top_,
         "the value of " + path_.front() + " refers to itself: " + shown + std::string(name));
  return false;
}

bool Expansion::put(const SourceText& raw, std::size_t begin, std::size_t end, SourceText& out) {
  if (depth_ >= kDeepestNesting) return too_much("$name and {} are nested deeper than 100");
  ++depth_;
  const bool done = put_inside(raw, begin, end, out);
  --depth_;
  return done;
}

bool Expansion::put_inside(const SourceText& raw, std::size_t begin, std::size_t end, SourceText& out) {
  const std::string_view text = raw.text();
  for (std::size_t at = begin; at < end;) {
    const auto dollar = std::min(text.find('$', at), end);
    out.append(raw, at, dollar - at);
    if (out.text().size() > kLongestValue)
      return too_much("the value is longer than 1 MiB when $name is put in");
    if (dollar == end) return true;
    if (path_.size() == 1) top_ = raw.place(dollar);
    const auto next = dollar + 1;
    if (next < end && text[next] == '$') {
      out.append(raw, dollar, 1);
      at = next + 1;
    } else if (next < end && (text[next] == '{' || text[next] == '(')) {
      const auto close = closing(text, next, end);
      if (close == std::string_view::npos) {
        return fault(raw, next, std::string("\"") + text[next] + "\" is not closed");
      }
      if (!put_reference(raw, next + 1, close, out)) return false;
      at = close + 1;
    } else {
      at = skip_name(text, next, end);
      if (at == next) return fault(raw, dollar, "\"$\" without a name: write $$ for a dollar sign");
      if (!put_value(raw, next, at, out)) return false;
    }
  }
  return true;
}

bool Expansion::put_value(const SourceText& raw, std::size_t begin, std::size_t end, SourceText& out) {
  if (++references_ > kMostReferences) return too_much("more than 10,000 references to follow");
  const auto name = std::string_view(raw.text()).substr(begin, end - begin);
  if (std::ranges::find(path_, name) != path_.end()) return circle(name);
  const auto* value = names_.find(name);
  if (value == nullptr) return true;
  path_.emplace_back(name);
  const bool done = put(*value, 0, value->text().size(), out);
  path_.pop_back();
  return done;
}

/// What stands between ${ and }.
bool Expansion::put_reference(const SourceText& raw, std::size_t begin, std::size_t end, SourceText& out) {
  const std::string_view text = raw.text();
  auto at = skip_space(text, begin, end);
  bool condition = false;
  if (at < end && text[at] == '{') {
    if (!relation(raw, at, end, condition)) return false;
    at = skip_space(text, at, end);
    if (at == end) {
      if (condition) out.append("true", raw.place(begin));
      return true;
    }
    return put_choice(raw, at, end, condition, out);
  }
  const auto name = at;
  at = skip_name(text, at, end);
  if (at == name) return fault(raw, name, "the name of a parameter is missing");
  const auto name_end = at;
  at = skip_space(text, at, end);
  if (at == end) return put_value(raw, name, name_end, out);
  const auto* value = names_.find(text.substr(name, name_end - name));
  return put_choice(raw, at, end, value != nullptr && !value->empty(), out);
}

/// `?a`, `:b`, `?{a}`, `:{b}` or `?{a}:{b}`, from `at` to `end`.
bool Expansion::put_choice(const SourceText& raw, std::size_t at, std::size_t end, bool condition,
                           SourceText& out) {
  const std::string_view text = raw.text();
  if (text[at] != '?' && text[at] != ':') return fault(raw, at, "\"?\" or \":\" is expected here");
  bool for_true = text[at] == '?';
  ++at;
  for (;;) {
    const auto brace = skip_space(text, at, end);
    if (brace == end || text[brace] != '{') {  // text without braces goes to the end
      return for_true != condition || put(raw, at, end, out);
    }
    const auto close = closing(text, brace, end);
    if (close == std::string_view::npos) return fault(raw, brace, "\"{\" is not closed");
    if (for_true == condition && !put(raw, brace + 1, close, out)) return false;
    at = skip_space(text, close + 1, end);
    if (at == end) return true;
    if (!for_true) return fault(raw, at, "nothing may follow here");
    if (text[at] != ':') return fault(raw, at, "\":\" is expected here");
    for_true = false;
    ++at;
  }
}

bool Expansion::operand(const SourceText& raw, std::size_t& at, std::size_t end, std::string& result) {
  const std::string_view text = raw.text();
  if (at >= end || text[at] != '{') return fault(raw, at, "\"{\" is expected here");
  const auto close = closing(text, at, end);
  if (close == std::string_view::npos) return fault(raw, at, "\"{\" is not closed");
  SourceText value;
  if (!put(raw, at + 1, close, value)) return false;
  result = value.text();
  at = close + 1;
  return true;
}

/// `{a} op {b}`; `at` goes behind it.
bool Expansion::relation(const SourceText& raw, std::size_t& at, std::size_t end, bool& result) {
  const std::string_view text = raw.text();
  std::string left;
  std::string right;
  if (!operand(raw, at, end, left)) return false;
  at = skip_space(text, at, end);
  const auto place = at;
  const auto rest = text.substr(at, end - at);
  const auto* op =
      std::ranges::find_if(kOperators, [&](const Operator& o) { return rest.starts_with(o.spelling); });
  if (op == kOperators.end()) return fault(raw, at, "== != < <= >= or > is expected here");
  at += op->spelling.size();
  const bool levels = text.substr(at, end - at).starts_with("level");
  if (levels) at += std::string_view("level").size();
  at = skip_space(text, at, end);
  if (!operand(raw, at, end, right)) return false;
  const auto order = levels ? compare_levels(left, right) : compare(left, right);
  if (!order) {
    return fault(raw, place,
                 levels ? "compatibility levels are numbers with dots, as 3.6; this compares \"" + left +
                              "\" and \"" + right + "\""
                        : "a number is too large to be compared");
  }
  result = holds(*op, *order);
  return true;
}

/// All names that follow a $, also in branches that are not taken.
void add_names(std::string_view text, std::vector<std::string>& names) {
  for (std::size_t at = text.find('$'); at != std::string_view::npos; at = text.find('$', at)) {
    ++at;
    if (at < text.size() && text[at] == '$') {
      ++at;
      continue;
    }
    if (at < text.size() && (text[at] == '{' || text[at] == '(')) at = skip_space(text, at + 1, text.size());
    const auto end = skip_name(text, at, text.size());
    if (end > at) names.emplace_back(text.substr(at, end - at));
    at = end;
  }
}

}  // namespace

void SourceText::append(std::string_view text, Place place) {
  if (text.empty() && !text_.empty()) return;
  if (text_.empty()) marks_.clear();
  bool continues = false;
  if (!marks_.empty()) {
    const auto last = this->place(text_.size());
    continues = last.origin == place.origin && last.column == place.column;
  }
  if (!continues && (!marks_.empty() || !text_.empty() || !place.origin.built_in()))
    marks_.push_back({text_.size(), place});
  text_ += text;
}

void SourceText::append(const SourceText& other, std::size_t begin, std::size_t size) {
  const auto end = begin + size;
  auto mark = std::ranges::upper_bound(other.marks_, begin, {}, &Mark::offset);
  for (auto at = begin; at < end || (size == 0 && at == begin);) {
    const auto part_end = mark == other.marks_.end() ? end : std::min(end, mark->offset);
    append(std::string_view(other.text_).substr(at, part_end - at), other.place(at));
    if (size == 0) return;
    at = part_end;
    if (mark != other.marks_.end()) ++mark;
  }
}

void SourceText::trim_end() {
  const auto last = text_.find_last_not_of(kWhiteSpace);
  text_.resize(last == std::string::npos ? 0 : last + 1);
  while (marks_.size() > 1 && marks_.back().offset >= text_.size()) marks_.pop_back();
}

SourceText::Place SourceText::place(std::size_t offset) const {
  const auto after = std::ranges::upper_bound(marks_, offset, {}, &Mark::offset);
  if (after == marks_.begin()) return {};
  const auto& mark = *std::prev(after);
  auto result = mark.place;
  if (result.column > 0) result.column += static_cast<unsigned>(offset - mark.offset);
  return result;
}

std::optional<SourceText> expand(std::string_view name, const SourceText& raw, const Names& names,
                                 Diagnostics& diagnostics, std::vector<std::string>* referenced) {
  if (referenced != nullptr) add_names(raw.text(), *referenced);
  Expansion expansion(name, names, diagnostics);
  SourceText result;
  if (!expansion.put(raw, 0, raw.text().size(), result)) return std::nullopt;
  return result;
}

std::optional<std::strong_ordering> compare_levels(std::string_view left, std::string_view right) {
  using Level = std::array<std::int64_t, 3>;
  const auto read = [](std::string_view text) -> std::optional<Level> {
    Level level{};
    for (std::size_t part = 0; part < level.size(); ++part) {
      const auto dot = std::min(text.find('.'), text.size());
      const auto value = all_digits(text.substr(0, dot)) ? number(text.substr(0, dot)) : std::nullopt;
      if (!value || *value < 0) return std::nullopt;
      level[part] = *value;
      if (dot == text.size()) return level;
      text.remove_prefix(dot + 1);
    }
    return std::nullopt;
  };
  const auto a = read(left);
  const auto b = read(right);
  if (!a || !b) return std::nullopt;
  return *a <=> *b;
}

}  // namespace hikyaku::config
