#pragma once
#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "base/explanation.h"

namespace hikyaku::cmd {

/// Ledger entries as JSON, with the file of each.
nlohmann::json entries_json(const std::vector<Explanation::Entry>& entries, const SourceCatalogue& sources);

/// Prints ledger entries (JSON as entries_json() makes them) for people: + for a rule that applied, - for one
/// that did not, with its place, the keys tried and the first condition that failed.
void print_entries(const nlohmann::json& entries);

}  // namespace hikyaku::cmd
