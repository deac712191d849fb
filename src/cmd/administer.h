#pragma once
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace hikyaku::cmd {

/// Has a request of serve::Administration answered: by the hub that runs on this configuration, or, when none
/// runs, from the databases themselves. Errors are printed. Gives the exit code.
int administer(const std::string& directory, const nlohmann::json& request,
               const std::function<void(const nlohmann::json&)>& row);

/// What opening a database had to do, on stderr.
void tell_notes(const std::vector<std::string>& notes);

/// Prints a value on one line of stdout.
void print_json(const nlohmann::json& value);

}  // namespace hikyaku::cmd
