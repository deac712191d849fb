#include "greylist/properties.h"

#include "table/fold.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace hikyaku::greylist {

void Properties::push(Property property) {
  if (property.value.size() > kValueLimit) property.value.resize(kValueLimit);
  if (all_.size() >= kLimit) all_.pop_back();
  all_.insert(all_.begin(), std::move(property));
}

void Properties::assign(Property property) {
  std::erase_if(all_, [&](const auto& one) { return table::equal_ascii_nocase(one.name, property.name); });
  push(std::move(property));
}

void Properties::forget_recipient() {
  std::erase_if(all_, [](const auto& one) { return one.of_recipient; });
}

std::optional<std::string_view> Properties::find(std::string_view name) const {
  const auto found = std::find_if(all_.begin(), all_.end(),
                                  [&](const auto& one) { return table::equal_ascii_nocase(one.name, name); });
  if (found == all_.end()) return std::nullopt;
  return found->value;
}

std::int64_t number_of(std::string_view value) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max();
  std::size_t at = 0;
  while (at < value.size() && (value[at] == ' ' || value[at] == '\t')) ++at;
  const bool negative = at < value.size() && value[at] == '-';
  if (at < value.size() && (value[at] == '-' || value[at] == '+')) ++at;
  std::int64_t number = 0;
  for (; at < value.size() && value[at] >= '0' && value[at] <= '9'; ++at)
    number = std::min(number * 10 + (value[at] - '0'), kMost);
  return negative ? -number : number;
}

}  // namespace hikyaku::greylist
