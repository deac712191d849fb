#pragma once
#include <span>
#include <string_view>

namespace hikyaku::config {

/// A word of greylist.conf: what the reader knows, and what the manual page tells of it.
struct GreylistWord {
  std::string_view word;
  std::string_view behind;   ///< what stands behind it: `TIME`, `"FILE" [MODE]`; empty: nothing
  std::string_view meaning;  ///< one sentence, without a full stop
  bool retired = false;      ///< read, warned of, and without effect
};

/// What a line can begin with, sorted.
std::span<const GreylistWord> greylist_statements();
/// The clauses of a rule: all of a rule's must hold.
std::span<const GreylistWord> greylist_clauses();
/// What a rule says besides, once it has decided.
std::span<const GreylistWord> greylist_rule_values();

}  // namespace hikyaku::config
