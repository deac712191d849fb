#include "ese/page_checksum.h"

#include <algorithm>
#include <bit>

#include "ese/little_endian.h"

namespace hikyaku::ese {
namespace {

constexpr std::uint32_t kXorSeed = 0x89abcdef;
constexpr std::size_t kFlagsOffset = 36;
constexpr std::uint32_t kNewFormat = 0x2000;
/// The bit that says which format the page has. If it could be mended, it would decide about itself.
constexpr unsigned kFormatBit = kFlagsOffset * 8 + std::countr_zero(kNewFormat);
constexpr std::size_t kMostBlocks = 4;

/// The processor's own order of octets is the file's on all machines that this is built for.
static_assert(std::endian::native == std::endian::little);
std::uint64_t word_at(const char* at) {
  std::uint64_t word;
  std::memcpy(&word, at, sizeof word);
  return word;
}

std::size_t block_size(std::size_t page_size) {
  return page_size <= 8192 ? page_size : page_size / kMostBlocks;
}
std::size_t stored_at(std::size_t block) { return block == 0 ? 0 : 32 + 8 * block; }

std::string_view block_of(std::string_view page, std::size_t block) {
  const auto size = block_size(page.size());
  return page.substr(block * size, size);
}

std::uint64_t computed_of(std::string_view page, std::uint32_t page_number, std::size_t block) {
  return EccChecksum::compute(block_of(page, block), page_number, block == 0 ? 8 : 0);
}

/// The number of the page that this one is, when all of its checksums say so.
std::optional<std::uint32_t> other_number(std::string_view page, std::uint32_t page_number) {
  const auto blocks = page.size() / block_size(page.size());
  const auto difference = u64_at(page, 0) ^ computed_of(page, page_number, 0);
  if (difference == 0 || difference >> 32 != 0) return std::nullopt;
  // One checksum that differs in one bit may as well be that bit, wrong.
  if (blocks == 1 && std::has_single_bit(difference)) return std::nullopt;
  for (std::size_t block = 1; block < blocks; ++block) {
    if ((u64_at(page, stored_at(block)) ^ computed_of(page, page_number, block)) != difference)
      return std::nullopt;
  }
  return page_number ^ static_cast<std::uint32_t>(difference);
}

PageCheck check_new_format(std::string_view page, std::uint32_t page_number) {
  PageCheck check{.ecc = true};
  std::string mended;  // the page with the wrong bits put right, once there is one
  const auto size = block_size(page.size());
  for (std::size_t block = 0; block < page.size() / size; ++block) {
    // The first block covers the checksums of the others, so it is looked at first and their mended values
    // count.
    const auto current = mended.empty() ? page : std::string_view(mended);
    const auto stored = u64_at(current, stored_at(block));
    const auto computed = computed_of(current, page_number, block);
    if (stored == computed) continue;
    if (check.state == PageCheck::State::good) {
      check.block = block;
      check.stored = stored;
      check.computed = computed;
    }
    const auto wrong = EccChecksum::single_bit(stored, computed, size);
    if (!wrong || (block == 0 && (*wrong == kFormatBit || *wrong < 64))) {
      check = {.state = PageCheck::State::bad,
               .ecc = true,
               .block = block,
               .stored = stored,
               .computed = computed};
      if (const auto other = other_number(page, page_number)) {
        check.state = PageCheck::State::misplaced;
        check.belongs_to = *other;
      }
      return check;
    }
    if (mended.empty()) mended = page;
    const auto bit = static_cast<unsigned>(block * size * 8) + *wrong;
    mended[bit / 8] = static_cast<char>(mended[bit / 8] ^ (1 << bit % 8));
    check.state = PageCheck::State::corrected;
    check.wrong_bits.push_back(bit);
  }
  return check;
}

PageCheck check_old_format(std::string_view page, std::uint32_t page_number) {
  PageCheck check;
  check.stored = u32_at(page, 0);
  check.computed = xor_checksum(page);
  const auto number = u32_at(page, 4);
  if (check.stored != check.computed) {
    check.state = PageCheck::State::bad;
  } else if (number != page_number) {
    check.state = PageCheck::State::misplaced;
    check.belongs_to = number;
  }
  return check;
}

}  // namespace

std::uint32_t xor_checksum(std::string_view bytes) {
  std::uint64_t sum = 0;
  std::size_t at = 0;
  for (; at + 8 <= bytes.size(); at += 8) sum ^= word_at(bytes.data() + at);
  auto out = static_cast<std::uint32_t>(sum) ^ static_cast<std::uint32_t>(sum >> 32);
  for (; at + 4 <= bytes.size(); at += 4) out ^= u32_at(bytes, at);
  return out ^ u32_at(bytes, 0) ^ kXorSeed;
}

std::uint64_t EccChecksum::compute(std::string_view block, std::uint32_t page_number, std::size_t skipped) {
  // The index of a bit is that of its 64-bit word and that within the word. The first counts for words with
  // an odd number of bits, the second for places that an odd number of words has set.
  std::uint64_t sum = 0;
  std::uint32_t words = 0;
  for (std::size_t at = skipped; at + 8 <= block.size(); at += 8) {
    const auto word = word_at(block.data() + at);
    sum ^= word;
    words ^= static_cast<std::uint32_t>(at / 8) & -static_cast<std::uint32_t>(__builtin_parityll(word));
  }
  std::uint32_t within = 0;
  for (auto places = sum; places != 0; places &= places - 1)
    within ^= static_cast<std::uint32_t>(std::countr_zero(places));
  const auto low = words << 6 ^ within;
  const auto odd = std::popcount(sum) % 2 == 1;
  const auto high = low ^ (odd ? static_cast<std::uint32_t>(8 * block.size() - 1) : 0U);
  const auto folded = static_cast<std::uint32_t>(sum) ^ static_cast<std::uint32_t>(sum >> 32) ^ page_number;
  return std::uint64_t{high} << 48 | std::uint64_t{low} << 32 | folded;
}

std::optional<unsigned> EccChecksum::single_bit(std::uint64_t stored, std::uint64_t computed,
                                                std::size_t block_octets) {
  const auto difference = stored ^ computed;
  const auto ecc = static_cast<std::uint32_t>(difference >> 32);
  const auto mask = static_cast<std::uint32_t>(8 * block_octets - 1);
  if (((ecc >> 16 ^ ecc) & 0xffffU) != mask) return std::nullopt;
  const auto bit = ecc & 0xffffU;
  const auto word = static_cast<std::uint32_t>(difference);
  if (bit > mask || word != 1U << bit % 32) return std::nullopt;
  return bit;
}

bool is_page_size(std::size_t octets) {
  return octets >= kSmallestPage && octets <= kLargestPage && std::has_single_bit(octets);
}

std::string_view text(PageCheck::State state) {
  switch (state) {
    case PageCheck::State::good:
      return "good";
    case PageCheck::State::uninitialized:
      return "uninitialized";
    case PageCheck::State::corrected:
      return "corrected";
    case PageCheck::State::misplaced:
      return "misplaced";
    case PageCheck::State::bad:
      return "bad";
  }
  return "?";
}

PageCheck check_page(std::string_view page, std::uint32_t page_number) {
  if (u64_at(page, 0) == 0 && std::ranges::all_of(page, [](char octet) { return octet == 0; }))
    return {.state = PageCheck::State::uninitialized};
  return (u32_at(page, kFlagsOffset) & kNewFormat) != 0 ? check_new_format(page, page_number)
                                                        : check_old_format(page, page_number);
}

}  // namespace hikyaku::ese
