#include "rewrite/header_output.h"

#include "rewrite/completion.h"

namespace hikyaku::rewrite {

std::optional<std::string_view> sole_plain_address(std::string_view value) {
  constexpr std::string_view kBlank = " \t\r\n";
  const auto first = value.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return std::nullopt;
  value = value.substr(first, value.find_last_not_of(kBlank) - first + 1);
  if (value.ends_with('>')) {
    const auto open = value.find('<');
    if (open == std::string_view::npos) return std::nullopt;
    if (value.substr(0, open).find_first_of(",;:()@[]\\\"") != std::string_view::npos) return std::nullopt;
    value = value.substr(open + 1, value.size() - open - 2);
  }
  if (!is_plain_full_address(value)) return std::nullopt;
  return value;
}

}  // namespace hikyaku::rewrite
