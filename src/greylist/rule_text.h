#pragma once
#include <string>
#include <string_view>

#include "greylist/configuration.h"

namespace hikyaku::greylist {

// The words of greylist.conf.
std::string_view text(Stage stage);            ///< "racl", "dacl"
std::string_view text(Action action);          ///< "greylist", "continue"
std::string_view text(Comparison comparison);  ///< "<="
std::string_view text(Subject subject);

/// A test as it is written in a clause, one way for all that mean the same: "from joe@a.example", "addr
/// 192.0.2.0/24", "not" left to the caller. `configuration` is what the test stands in.
std::string text(const Test& test, const Configuration& configuration);
/// A rule on one line, which reads back to the same rule.
std::string text(const Rule& rule, const Configuration& configuration);
/// As milter-greylist's log names it, by the line: "racl 12 blacklist "id" domain a.example".
std::string logged_text(const Rule& rule, const Configuration& configuration);

/// The step of a ledger's entry on a rule of this stage.
std::string_view step_of(Stage stage);

}  // namespace hikyaku::greylist
