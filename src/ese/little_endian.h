#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>

namespace hikyaku::ese {

/// The integer of `Integer`'s size at `offset`, as ESE stores all: little-endian, two's complement. What lies
/// behind the end of `bytes` reads as zero, as ESE fills the rest of its headers.
template <typename Integer>
constexpr Integer integer_at(std::string_view bytes, std::size_t offset) {
  std::make_unsigned_t<Integer> value = 0;
  for (std::size_t i = sizeof(Integer); i-- > 0;) {
    const auto octet = offset + i < bytes.size() ? static_cast<unsigned char>(bytes[offset + i]) : 0U;
    value = static_cast<std::make_unsigned_t<Integer>>(static_cast<std::uint64_t>(value) << 8 | octet);
  }
  return static_cast<Integer>(value);
}

inline std::uint16_t u16_at(std::string_view bytes, std::size_t offset) {
  return integer_at<std::uint16_t>(bytes, offset);
}
inline std::uint32_t u32_at(std::string_view bytes, std::size_t offset) {
  return integer_at<std::uint32_t>(bytes, offset);
}
inline std::int32_t i32_at(std::string_view bytes, std::size_t offset) {
  return integer_at<std::int32_t>(bytes, offset);
}
inline std::uint64_t u64_at(std::string_view bytes, std::size_t offset) {
  return integer_at<std::uint64_t>(bytes, offset);
}

/// The text in a field of `size` octets, up to its first NUL. Not checked to be any character set.
inline std::string_view text_at(std::string_view bytes, std::size_t offset, std::size_t size) {
  if (offset >= bytes.size()) return {};
  const auto field = bytes.substr(offset, size);
  return field.substr(0, field.find('\0'));
}

}  // namespace hikyaku::ese
