#include "table/pattern_size.h"

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

namespace hikyaku::table {
namespace {

class Counter {
 public:
  Counter(std::string_view pattern, bool extended) : rest_(pattern), extended_(extended) {}

  double run() {
    while (!rest_.empty()) step();
    if (too_deep_) return std::numeric_limits<double>::infinity();
    double all = 0;
    for (const auto& group : groups_) all += group.sum + group.last;
    return nullable_repeated_ ? std::max(all, all * all / kPerPair) : all;
  }

 private:
  /// Where something that may match nothing is repeated, each place is reached from each other without a
  /// character: the work grows with the pairs.
  static constexpr double kPerPair = 10;
  /// Such repetitions within each other, "((a*)+)?": each of kWritten, what is written out more than once,
  /// and of one, what is not. A few more than this take minutes, however short the pattern is.
  static constexpr int kDeepest = 10, kWritten = 4;

  /// What is open at one depth: the characters before the last atom, and that atom, which a repetition is of.
  struct Group {
    double sum = 0, last = 0;
    int depth = 0, last_depth = 0;  // see kDeepest
    bool last_nullable = true;
    bool rest_nullable = true;    // what stands before the last atom in this alternative
    bool other_nullable = false;  // an alternative before this one
    bool nullable() const { return other_nullable || (rest_nullable && last_nullable); }
  };

  /// '\\' stands before what is an operator in a BRE and a character in an ERE.
  void step() {
    char c = take();
    bool escaped = false;
    if (c == '\\' && !rest_.empty()) {
      escaped = true;
      c = take();
    }
    const bool grouping = escaped != extended_;
    if (grouping && c == '(') {
      groups_.push_back({});
    } else if (grouping && c == ')' && groups_.size() > 1) {
      const Group inner = groups_.back();
      groups_.pop_back();
      atom(inner.sum + inner.last + 1, inner.nullable(), std::max(inner.depth, inner.last_depth));
    } else if (grouping && c == '|') {
      const bool nullable = groups_.back().nullable();
      atom(0, true);
      groups_.back().rest_nullable = true;
      groups_.back().other_nullable = nullable;
    } else if (grouping && c == '{') {
      const bool from_none = rest_.starts_with('0') || rest_.starts_with(',');
      repeat(bound(), from_none);
    } else if (grouping && c == '+') {
      repeat(2, false);
    } else if ((grouping && c == '?') || (!escaped && c == '*')) {
      repeat(1, true);
    } else if (!escaped && c == '[') {
      skip_bracket();
      atom(1, false);
    } else {
      atom(1, !escaped && (c == '^' || c == '$'));
    }
  }

  void atom(double size, bool nullable, int depth = 0) {
    auto& group = groups_.back();
    group.sum += group.last;
    group.depth = std::max(group.depth, group.last_depth);
    group.last_depth = depth;
    group.rest_nullable = group.rest_nullable && group.last_nullable;
    group.last = size;
    group.last_nullable = nullable;
  }

  void repeat(double times, bool from_none) {
    auto& group = groups_.back();
    if (group.last > 0 && group.last_nullable) {
      nullable_repeated_ = true;
      group.last_depth += times > 1 ? kWritten : 1;
      too_deep_ = too_deep_ || group.last_depth > kDeepest;
    }
    group.last *= times;
    group.last_nullable = group.last_nullable || from_none;
  }

  /// "3}", "3,}", "3,9}": the larger of its numbers, at least 1.
  double bound() {
    double largest = 1;
    double number = 0;
    while (!rest_.empty() && ((rest_.front() >= '0' && rest_.front() <= '9') || rest_.front() == ',')) {
      const char c = take();
      number = c == ',' ? 0 : number * 10 + (c - '0');
      largest = std::max(largest, number);
    }
    if (rest_.starts_with("\\}")) take();
    if (rest_.starts_with('}')) take();
    return largest + 1;
  }

  /// What stands in [...] is one character, whatever it is.
  void skip_bracket() {
    if (!rest_.empty() && rest_.front() == '^') take();
    if (!rest_.empty() && rest_.front() == ']') take();
    while (!rest_.empty()) {
      const char c = take();
      if (c == ']') return;
      // "[:alpha:]", "[.-.]", "[=a=]" within it.
      if (c != '[' || rest_.empty() || std::string_view(":.=").find(rest_.front()) == std::string_view::npos)
        continue;
      const std::string end{take(), ']'};
      const auto at = rest_.find(end);
      if (at == std::string_view::npos) return;
      rest_.remove_prefix(at + end.size());
    }
  }

  char take() {
    const char c = rest_.front();
    rest_.remove_prefix(1);
    return c;
  }

  std::string_view rest_;
  bool extended_;
  std::vector<Group> groups_{1};
  bool nullable_repeated_ = false;
  bool too_deep_ = false;
};

}  // namespace

double expanded_size(std::string_view pattern, bool extended) { return Counter(pattern, extended).run(); }

}  // namespace hikyaku::table
