#pragma once
#include <initializer_list>
#include <string>
#include <string_view>

namespace hikyaku {

/// The pieces one after the other, with one allocation: for texts that are made for every message.
inline std::string concatenated(std::initializer_list<std::string_view> pieces) {
  std::size_t size = 0;
  for (const auto piece : pieces) size += piece.size();
  std::string whole;
  whole.reserve(size);
  for (const auto piece : pieces) whole += piece;
  return whole;
}

}  // namespace hikyaku
