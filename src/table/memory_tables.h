#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "table/table.h"

namespace hikyaku::table {

/// Tables that stand in the setting itself. `spec` is the whole "type:name", `name` the part after the type,
/// `where` the setting's line: each answer's origin. Malformed: Fault::malformed, naming `spec`.
using TableResult = Result<std::shared_ptr<const Table>>;

/// inline:{ {key = value}, key=value }. Of keys that come twice the last one counts, as in Postfix.
TableResult make_inline(std::string_view spec, std::string_view name, Origin where);
/// static:value, static:{ value with spaces }: the answer to every key.
TableResult make_static(std::string_view spec, std::string_view name, Origin where);
/// fail:text: every lookup is Fault::temporary; `text` says why.
TableResult make_fail(std::string_view spec, std::string_view name);
/// A table that can't be used, and why: every lookup is Fault::temporary with that text. For a table whose
/// loss must defer mail and not stop the hub.
std::shared_ptr<const Table> unavailable_table(std::string_view spec, std::string why);
/// randmap:{ a, b }: one of the values at random, to every key. `random` must outlive the table.
TableResult make_random(std::string_view spec, std::string_view name, Origin where, Random& random);

/// unionmap:{ type:name, ... }: what the tables answer, joined by commas. Not found when none answers.
TableResult make_union(std::string_view spec, std::string_view name, Origin where, Opener& parts,
                       bool substitution_allowed);
/// pipemap:{ type:name, ... }: the first table's answer is the key of the second, and so on; the last one
/// answers. Not found as soon as one has no answer.
TableResult make_pipe(std::string_view spec, std::string_view name, Origin where, Opener& parts,
                      bool substitution_allowed);

}  // namespace hikyaku::table
