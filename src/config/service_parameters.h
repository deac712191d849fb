#pragma once
#include <string_view>

#include "config/main_cf.h"
#include "config/master_cf.h"

namespace hikyaku::config {

/// Why a parameter that the hub acts on is not looked at on the lines of a role, and where to set it; empty:
/// it is, or nothing is known against it.
std::string_view not_read_here(std::string_view name, Service::Role role);

/// Whether the override `name` of a service changes nothing there: not_read_here() is against it, its value
/// is another than main.cf's, and no value that is read there refers to it.
bool is_lost(std::string_view name, const Service& service, const Main& main);

}  // namespace hikyaku::config
