#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hikyaku::ese {

/// The checksum of headers and of pages of the old format: the XOR of all 32-bit words but the first. `bytes`
/// is a multiple of 4 octets long. Pure; O(size).
std::uint32_t xor_checksum(std::string_view bytes);

/// One block with a checksum of the new format: 16 bits that tell of an even or an odd number of changed bits
/// and where a single one is, twice, and the XOR of all words with the page's number.
struct EccChecksum {
  /// Of `block`, a power of two from 1024 to 8192 octets; its first `skipped` octets (0 or 8: where the
  /// checksum itself stands) count as zero. Pure; O(size).
  static std::uint64_t compute(std::string_view block, std::uint32_t page_number, std::size_t skipped);
  /// The one bit in a block of `block_octets` whose flip explains that `computed` is not `stored`; nothing
  /// when more was changed, or the checksum itself.
  static std::optional<unsigned> single_bit(std::uint64_t stored, std::uint64_t computed,
                                            std::size_t block_octets);
};

/// The page sizes of ESE: 2, 4, 8, 16 and 32 KiB.
bool is_page_size(std::size_t octets);
inline constexpr std::size_t kSmallestPage = 2048, kLargestPage = 32768;

/// What the checksums of one page tell.
struct PageCheck {
  enum class State : std::uint8_t {
    good,
    uninitialized,  ///< all zero: never written, not an error
    corrected,  ///< one bit of a block is wrong, and which one is known: ESE mends it when it reads the page
    misplaced,  ///< whole, and of another page number: written to the wrong place
    bad,
  };
  State state = State::good;
  bool ecc = false;  ///< the new format
  /// Of the first wrong block; of the whole page in the old format (32 bits).
  std::size_t block = 0;
  std::uint64_t stored = 0, computed = 0;
  std::vector<unsigned> wrong_bits;  ///< when corrected: octet of the page times 8 plus the bit, ascending
  std::uint32_t belongs_to = 0;      ///< when misplaced: the number that it was written as
};
/// "good", "bad", ...
std::string_view text(PageCheck::State state);

/// Checks `page`, of one of ESE's page sizes, as that of `page_number`. Pure; O(size).
PageCheck check_page(std::string_view page, std::uint32_t page_number);

}  // namespace hikyaku::ese
