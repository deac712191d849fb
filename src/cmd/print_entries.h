#pragma once
#include <nlohmann/json_fwd.hpp>

namespace hikyaku::cmd {

/// Prints the entries of a ledger for people, as `why` and `explain` do.
void print_entries(const nlohmann::json& entries);

}  // namespace hikyaku::cmd
