#pragma once
#include <string>
#include <string_view>

namespace hikyaku::cmd {

/// Of lookup tables: their types, and what stands in their files.
std::string tables_page(std::string_view version);

}  // namespace hikyaku::cmd
