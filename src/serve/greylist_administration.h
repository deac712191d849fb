#pragma once
#include <functional>
#include <nlohmann/json_fwd.hpp>

#include "base/result.h"
#include "base/time.h"
#include "greylist/configuration.h"
#include "serve/greylist_state.h"

namespace hikyaku::serve {

/// Answers `hikyaku greylist status`, `show` and their like: {"command": "greylist.show", …}. Rows are handed
/// on as they are found; the value is an exit code of sysexits.h. Blocks; thread-safe.
///
/// Commands: status (with "until", a time: how many pass by then); show, release and forget with "state",
/// "client", "sender" and "recipient", all of which must hold (release and forget want one at least);
/// whitelist with "client", "sender", "recipient" and perhaps "seconds"; import and export with "file".
Result<int> answer_greylist(const nlohmann::json& request, GreylistState& state,
                            const greylist::Configuration& configuration, Time now,
                            const std::function<void(const nlohmann::json&)>& row);

}  // namespace hikyaku::serve
