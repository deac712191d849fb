#pragma once
#include <vector>

#include "config/main_cf.h"
#include "table/table.h"

namespace hikyaku::config {

/// A list of main.cf as tables and lists are made of.
std::vector<table::Element> elements(const std::vector<Value>& values);

}  // namespace hikyaku::config
