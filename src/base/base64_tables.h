#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/base64_kernel.h"

namespace hikyaku {

/// What base64 and its kernels know of an alphabet, worked out by the compiler.
struct Base64Tables {
  static constexpr std::uint8_t kNoDigit = 64;

  std::array<char, 64> letters;          ///< of each digit
  std::array<std::uint8_t, 256> digits;  ///< of each octet, kNoDigit for those outside
  /// An octet is a letter when low_half[octet & 15] & high_half[octet >> 4] is 0: one bit for each set of
  /// low halves that occurs under a high half, set in low_half where that set lacks the low half.
  std::array<std::uint8_t, 16> low_half, high_half;
  /// The digit is the letter plus distance[letter >> 4], and plus odd_distance when the letter is odd_one:
  /// the one letter that shares its high half with others but not their distance.
  std::array<std::int8_t, 16> distance;
  char odd_one;
  std::int8_t odd_distance;
  /// The other way: the letter is the digit plus letter_distance[kind], where kind is 0 for a-z, 1..12 for
  /// digits 52..63 and 13 for A-Z.
  std::array<std::int8_t, 16> letter_distance;
};

namespace base64_detail {

consteval void fill_digits(Base64Tables& made, char last_but_one, char last) {
  constexpr std::string_view kAlphanumeric = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  for (std::size_t i = 0; i < kAlphanumeric.size(); ++i) made.letters[i] = kAlphanumeric[i];
  made.letters[62] = last_but_one;
  made.letters[63] = last;
  made.digits.fill(Base64Tables::kNoDigit);
  for (std::size_t i = 0; i < 64; ++i) {
    made.digits[static_cast<unsigned char>(made.letters[i])] = static_cast<std::uint8_t>(i);
  }
}

consteval void fill_halves(Base64Tables& made) {
  std::array<std::uint16_t, 16> sets{};  // of each high half the low halves, as bits
  for (std::size_t octet = 0; octet < 256; ++octet) {
    if (made.digits[octet] != Base64Tables::kNoDigit) {
      sets[octet >> 4] = static_cast<std::uint16_t>(sets[octet >> 4] | 1U << (octet & 15));
    }
  }
  std::size_t count = 0;
  for (std::size_t high = 0; high < 16; ++high) {
    for (std::size_t earlier = 0; earlier < high; ++earlier) {
      if (sets[earlier] == sets[high]) made.high_half[high] = made.high_half[earlier];
    }
    if (made.high_half[high] != 0) continue;
    const auto bit = static_cast<std::uint8_t>(1U << count++);
    if (bit == 0) throw "more than eight sets";  // and so it does not compile
    made.high_half[high] = bit;
    for (std::size_t low = 0; low < 16; ++low) {
      if ((sets[high] >> low & 1) == 0)
        made.low_half[low] = static_cast<std::uint8_t>(made.low_half[low] | bit);
    }
  }
}

consteval void fill_distances(Base64Tables& made, char odd_one) {
  made.odd_one = odd_one;
  for (std::size_t i = 0; i < 64; ++i) {
    if (made.letters[i] == odd_one) continue;
    const auto high = static_cast<std::size_t>(made.letters[i]) >> 4;
    made.distance[high] = static_cast<std::int8_t>(static_cast<int>(i) - made.letters[i]);
  }
  const auto digit = made.digits[static_cast<unsigned char>(odd_one)];
  made.odd_distance =
      static_cast<std::int8_t>(digit - odd_one - made.distance[static_cast<std::size_t>(odd_one) >> 4]);
  made.letter_distance[0] = 'a' - 26;
  for (std::size_t digit_over = 52; digit_over < 64; ++digit_over) {
    made.letter_distance[digit_over - 51] =
        static_cast<std::int8_t>(made.letters[digit_over] - static_cast<int>(digit_over));
  }
  made.letter_distance[13] = 'A';
}

consteval Base64Tables make(char last_but_one, char last, char odd_one) {
  Base64Tables made{};
  fill_digits(made, last_but_one, last);
  fill_halves(made);
  fill_distances(made, odd_one);
  return made;
}

inline constexpr Base64Tables kStandard = make('+', '/', '/');
inline constexpr Base64Tables kUrl = make('-', '_', '_');

}  // namespace base64_detail

constexpr const Base64Tables& base64_tables(Base64Alphabet alphabet) {
  return alphabet == Base64Alphabet::standard ? base64_detail::kStandard : base64_detail::kUrl;
}

}  // namespace hikyaku
