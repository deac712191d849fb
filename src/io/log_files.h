#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hikyaku::io {

/// "000123.log"
std::string log_name(std::uint64_t number);
/// The number in "000123.log"; 0 for any other name.
std::uint64_t log_number(std::string_view file_name);

/// The logs in `folder` by their numbers. Fault::not_found: there is no such folder.
Result<std::map<std::uint64_t, std::filesystem::path>> log_files(const std::filesystem::path& folder);

}  // namespace hikyaku::io
