#pragma once
#include <optional>
#include <vector>

#include "greylist/fact_index.h"

namespace hikyaku::greylist {

struct Configuration;

/// The rules of a stage, as numbers in Configuration::rules. A rule is found by one of its clauses, before
/// which it has none that does or asks something; rules without such a clause are always looked at.
FactIndex index_of_rules(const Configuration& configuration, Stage stage);

/// The elements of a list, as numbers in List::tests; nullopt: it is so short that it is as well looked
/// through.
std::optional<FactIndex> index_of_list(const List& list);

}  // namespace hikyaku::greylist
