#pragma once
#include <string_view>
#include <vector>

#include "table/table.h"

namespace hikyaku::table {

/// What is wrong with the entries of `table` when it serves `setting` ("transport_maps"), though each of them
/// is well formed; all Level::warning:
/// - transport_maps: keys "@domain", which are never looked up;
/// - sender_dependent_relayhost_maps: "transport:nexthop" in a table of next hops;
/// - transport_maps, sender_dependent_default_transport_maps: results that are no "transport:nexthop";
/// - transport_maps: "smtp:", which takes away the next hop that relayhost would give;
/// - tables by sender: keys without '@', which are never looked up; address maps: keys ".domain";
/// - canonical and generic maps: results with several addresses; sender canonical maps that also match the
/// null
///   sender, so that bounces would not come from <> any more.
/// Empty for other settings. Looks at every entry once. Pure but for the table.
std::vector<Diagnostic> review_rows(const Table& table, std::string_view setting);

}  // namespace hikyaku::table
