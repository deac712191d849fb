#include "table/fold.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <optional>

namespace hikyaku::table {
namespace {

struct FoldRange {
  char32_t first, last;
  std::int32_t step, delta;
};
struct FoldSequence {
  char32_t from;
  char32_t to[3];
};
#include "table/fold_ranges.inc"

constexpr std::uint64_t kHighBits = 0x8080808080808080U;

/// Lowers eight ASCII octets at once; octets above 0x7f stay.
std::uint64_t lower_eight(std::uint64_t octets) {
  constexpr std::uint64_t ones = 0x0101010101010101U;
  const std::uint64_t seven_bits = octets & ~kHighBits;
  const std::uint64_t from_a = seven_bits + ones * (0x80 - 'A');
  const std::uint64_t beyond_z = seven_bits + ones * (0x80 - 'Z' - 1);
  const std::uint64_t upper = (from_a ^ beyond_z) & ~octets & kHighBits;
  return octets | (upper >> 2);
}

/// Lowers `size` ASCII octets, returns the OR of all octets read.
std::uint64_t lower_into(const char* from, std::size_t size, char* to) {
  std::uint64_t seen = 0;
  std::size_t i = 0;
  for (; i + 8 <= size; i += 8) {
    std::uint64_t chunk;
    std::memcpy(&chunk, from + i, 8);
    seen |= chunk;
    chunk = lower_eight(chunk);
    std::memcpy(to + i, &chunk, 8);
  }
  if (i < size && size >= 8) {
    // The last eight, some of them once more: quicker than a copy of a size that is not known.
    std::uint64_t chunk;
    std::memcpy(&chunk, from + size - 8, 8);
    seen |= chunk;
    chunk = lower_eight(chunk);
    std::memcpy(to + size - 8, &chunk, 8);
  } else if (i < size) {
    std::uint64_t chunk = 0;
    std::memcpy(&chunk, from + i, size - i);
    seen |= chunk;
    chunk = lower_eight(chunk);
    std::memcpy(to + i, &chunk, size - i);
  }
  return seen;
}

/// Takes one code point off `text`; nullopt where it is not UTF-8.
std::optional<char32_t> take_code_point(std::string_view& text) {
  const auto octet = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = octet(0);
  if (lead < 0x80) {
    text.remove_prefix(1);
    return lead;
  }
  const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < length) return std::nullopt;
  char32_t value = lead & (0x7fU >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((octet(i) & 0xc0) != 0x80) return std::nullopt;
    value = (value << 6) | (octet(i) & 0x3fU);
  }
  constexpr char32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  if (value < least[length] || value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) return std::nullopt;
  text.remove_prefix(length);
  return value;
}

void append_code_point(char32_t value, std::string& out) {
  const auto put = [&](char32_t octet) { out += static_cast<char>(octet); };
  if (value < 0x80) {
    put(value);
  } else if (value < 0x800) {
    put(0xc0 | (value >> 6));
    put(0x80 | (value & 0x3f));
  } else if (value < 0x10000) {
    put(0xe0 | (value >> 12));
    put(0x80 | ((value >> 6) & 0x3f));
    put(0x80 | (value & 0x3f));
  } else {
    put(0xf0 | (value >> 18));
    put(0x80 | ((value >> 12) & 0x3f));
    put(0x80 | ((value >> 6) & 0x3f));
    put(0x80 | (value & 0x3f));
  }
}

void append_folded_code_point(char32_t value, std::string& out) {
  if (value < 0x80) {
    if (value >= 'A' && value <= 'Z') value += 32;
    out += static_cast<char>(value);
    return;
  }
  const auto* range = std::upper_bound(std::begin(kFoldRanges), std::end(kFoldRanges), value,
                                       [](char32_t v, const FoldRange& r) { return v < r.first; });
  // Two interleaved ranges may hold the value (every other code point each), so that one look back is not
  // enough.
  for (int back = 0; back < 2 && range != std::begin(kFoldRanges); ++back) {
    --range;
    if (value <= range->last && (value - range->first) % static_cast<char32_t>(range->step) == 0) {
      append_code_point(static_cast<char32_t>(static_cast<std::int32_t>(value) + range->delta), out);
      return;
    }
  }
  const auto* sequence = std::lower_bound(std::begin(kFoldSequences), std::end(kFoldSequences), value,
                                          [](const FoldSequence& s, char32_t v) { return s.from < v; });
  if (sequence != std::end(kFoldSequences) && sequence->from == value) {
    for (const char32_t to : sequence->to) {
      if (to != 0) append_code_point(to, out);
    }
    return;
  }
  append_code_point(value, out);
}

}  // namespace

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    if (text.size() >= 8) {
      std::uint64_t chunk;
      std::memcpy(&chunk, text.data(), 8);
      if ((chunk & kHighBits) == 0) {
        text.remove_prefix(8);
        continue;
      }
    }
    if (!take_code_point(text)) return false;
  }
  return true;
}

bool append_folded(std::string_view text, std::string& out) {
  const std::size_t begin = out.size();
  out.resize(begin + text.size());
  if ((lower_into(text.data(), text.size(), out.data() + begin) & kHighBits) == 0) return true;
  out.resize(begin);
  while (!text.empty()) {
    const auto value = take_code_point(text);
    if (!value) {
      out.resize(begin);
      return false;
    }
    append_folded_code_point(*value, out);
  }
  return true;
}

std::string ascii_lower(std::string_view text) {
  std::string lower(text.size(), '\0');
  lower_into(text.data(), text.size(), lower.data());
  return lower;
}

bool equal_ascii_nocase(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [&](char x, char y) { return lower(x) == lower(y); });
}

FoldedKey::FoldedKey(std::string_view key) {
  if (key.size() <= small_.size()) {
    view_ = {small_.data(), key.size()};
    if ((lower_into(key.data(), key.size(), small_.data()) & kHighBits) == 0) return;
  }
  valid_ = append_folded(key, large_);
  view_ = large_;
}

}  // namespace hikyaku::table
