#include "table/pattern_size.h"

#include <algorithm>
#include <string>
#include <vector>

namespace hikyaku::table {
namespace {

class Counter {
 public:
  Counter(std::string_view pattern, bool extended) : rest_(pattern), extended_(extended) {}

  double run() {
    while (!rest_.empty()) step();
    double all = 0;
    for (const auto& group : groups_) all += group.sum + group.last;
    return all;
  }

 private:
  /// What is open at one depth: the characters before the last atom, and that atom, which a repetition is of.
  struct Group {
    double sum = 0, last = 0;
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
      const double inner = groups_.back().sum + groups_.back().last;
      groups_.pop_back();
      atom(inner + 1);
    } else if (grouping && c == '{') {
      groups_.back().last *= bound();
    } else if (c == '+' && grouping) {
      groups_.back().last *= 2;
    } else if (!escaped && c == '[') {
      skip_bracket();
      atom(1);
    } else {
      atom(1);
    }
  }

  void atom(double size) {
    auto& group = groups_.back();
    group.sum += group.last;
    group.last = size;
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
};

}  // namespace

double expanded_size(std::string_view pattern, bool extended) { return Counter(pattern, extended).run(); }

}  // namespace hikyaku::table
