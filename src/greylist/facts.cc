#include "greylist/facts.h"

#include "table/fold.h"

namespace hikyaku::greylist {

std::string_view without_brackets(std::string_view address) {
  constexpr std::string_view kBefore = "< \t", kBehind = "> \t";
  while (!address.empty() && kBefore.find(address.front()) != std::string_view::npos)
    address.remove_prefix(1);
  while (!address.empty() && kBehind.find(address.back()) != std::string_view::npos) address.remove_suffix(1);
  return address;
}

std::string bracketed(std::string_view address) {
  if (address.starts_with('<')) return std::string(address);
  return "<" + std::string(address) + ">";
}

bool same_address(std::string_view one, std::string_view other) {
  return table::equal_ascii_nocase(without_brackets(one), without_brackets(other));
}

}  // namespace hikyaku::greylist
