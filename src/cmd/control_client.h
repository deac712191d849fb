#pragma once
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "base/result.h"

namespace hikyaku::cmd {

/// Sends one request to the hub that listens on the control socket `path` and hands each row of its answer to
/// `row` as it comes. nullopt: no hub is running there. The value is the exit code that the hub gave; an
/// Error is the hub's own refusal or a broken connection. Blocks.
Result<std::optional<int>> ask_hub(const std::string& path, const nlohmann::json& request,
                                   const std::function<void(const nlohmann::json&)>& row);

}  // namespace hikyaku::cmd
