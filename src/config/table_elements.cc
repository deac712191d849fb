#include "config/table_elements.h"

namespace hikyaku::config {

std::vector<table::Element> elements(const std::vector<Value>& values) {
  std::vector<table::Element> all;
  all.reserve(values.size());
  for (const auto& value : values) all.push_back({value.text, value.origin});
  return all;
}

}  // namespace hikyaku::config
