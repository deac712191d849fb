#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace hikyaku {

/// The alphabets of RFC 4648: s. 4, with "+" and "/"; s. 5, with "-" and "_", for URLs and file names.
enum class Base64Alphabet : unsigned char { standard, url };

/// The inner loops of base64, for one kind of processor. Each kernel gives the same octets as the plain one.
struct Base64Kernel {
  /// The room behind what it tells to have written that a kernel may write to as well.
  static constexpr std::size_t kOverrun = 64;

  struct Lines {
    std::size_t groups;    ///< of three octets, four characters, in each line
    std::string_view end;  ///< at most two octets, behind each
    Base64Alphabet alphabet;
  };
  /// Where decode() stopped.
  struct Run {
    std::size_t read;     ///< characters
    std::size_t written;  ///< octets
  };

  std::string_view name;
  /// Writes `count` whole lines of the octets at `in`, of which there are count * lines.groups * 3.
  void (*encode)(const std::uint8_t* in, std::size_t count, const Lines& lines, char* out);
  /// Decodes whole groups of four digits, and passes over the line ends (LF, CRLF) that stand between two
  /// groups; up to the first group that is not whole.
  Run (*decode)(const char* in, std::size_t size, Base64Alphabet alphabet, std::uint8_t* out);
};

/// Those that this processor can run: the plain one first, the quickest last.
std::span<const Base64Kernel> base64_kernels();
const Base64Kernel& best_base64_kernel();

}  // namespace hikyaku
