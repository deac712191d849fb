#pragma once
#include <cstdint>
#include <string_view>

#include "table/contents.h"

namespace hikyaku::table {

/// Reads a cidr: table (cidr_table(5)): "network result", "!network result", "if network" ... "endif",
/// nested. The first rule that holds answers; a key that is no address is in no table. Rules that can't be
/// used (host bits set, no result) are left out with Diagnostic::error; rules that are never reached, because
/// one before holds all their addresses, are warned of. Long tables without "if" and "!" are found by prefix,
/// not one rule after the other. Pure.
Loaded load_cidr(std::string_view text, std::uint32_t file);

}  // namespace hikyaku::table
