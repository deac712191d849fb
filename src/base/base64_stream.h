#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "base/base64_kernel.h"

namespace hikyaku {

/// How an encoder writes.
struct Base64Format {
  enum class LineEnd : unsigned char { lf, crlf };
  enum class Padding : unsigned char { written, left_out };

  Base64Alphabet alphabet = Base64Alphabet::standard;
  Padding padding = Padding::written;
  std::size_t line_length = 0;  ///< characters without the line end; 0: one line, and no line end at all
  LineEnd line_end = LineEnd::lf;
};

/// Base64 (RFC 4648 s. 4 and 5) of octets that come in pieces of any size. Where lines are asked for, the
/// last one ends as all others do; no octets make no line. Each feed() writes what is certain, up to a line
/// end; at most two octets and the column wait. Pure; O(size). Not thread-safe.
class Base64Encoder {
 public:
  explicit Base64Encoder(const Base64Format& format, const Base64Kernel& kernel = best_base64_kernel());
  /// Appends to `out`, which need not be empty. `octets` is none of `out`.
  void feed(std::string_view octets, std::string& out);
  /// What is left. After it the encoder is as new.
  void end(std::string& out);

 private:
  void put_group(std::string& out);
  void put(std::string& out, std::string_view letters);
  std::size_t put_groups(std::string_view octets, std::string& out);
  void put_lines(const std::uint8_t* octets, std::size_t count, std::size_t groups, std::string_view line_end,
                 std::string& out);
  void put_even_lines(const std::uint8_t* octets, std::size_t groups, std::string& out);
  void put_uneven_lines(const std::uint8_t* octets, std::size_t groups, std::string& out);

  Base64Format format_;
  Base64Kernel kernel_;
  std::string_view line_end_;
  std::size_t column_ = 0;
  std::array<std::uint8_t, 3> waiting_{};
  std::size_t waiting_count_ = 0;
};

/// Where base64 text breaks its rules, and which.
struct Base64Fault {
  enum class Kind : unsigned char {
    alien,        ///< not of the alphabet, no padding, no line end (also a CR without its LF)
    padding,      ///< "=" where no group, or one of a single digit, stands before it
    unused_bits,  ///< the last digit of a piece carries bits that belong to no octet
    incomplete,   ///< the text ends after one digit of a group, or what should be a second "=" is none
  };
  Kind kind;
  std::uint64_t offset;  ///< of the first octet that does not belong, from the first one fed; for incomplete:
                         ///< the size of the text
};
/// What is wrong with the octet there, as the end of a sentence: "is not of the alphabet".
std::string_view text(Base64Fault::Kind kind);

/// What a decoder takes.
struct Base64Rules {
  /// ignored: octets outside the alphabet, "=" without digits before it, a missing second "=", unused bits.
  enum class Garbage : unsigned char { refused, ignored };

  Base64Alphabet alphabet = Base64Alphabet::standard;
  Garbage garbage = Garbage::refused;
};

/// The octets of base64 text that comes in pieces of any size. Never ends early in silence: all of the text
/// is decoded, or the fault is told. It takes
/// - line ends, LF or CRLF, anywhere, also inside a group and between "=" and "=";
/// - text that ends without its padding;
/// - several padded texts one behind the other, each of which is decoded, with or without line ends between.
/// It refuses everything else, unless Garbage::ignored: blanks, a CR alone, and bits behind the last octet
/// that are not zero, by which most texts that lost their end are noticed (RFC 4648 s. 3.5). Ignored or not,
/// a single digit, before "=" or at the end, is refused: its bits would be lost. Pure; O(size). Not
/// thread-safe.
class Base64Decoder {
 public:
  explicit Base64Decoder(const Base64Rules& rules, const Base64Kernel& kernel = best_base64_kernel());
  /// Appends what is decoded to `out`; after a fault: all that stands before it. At most three digits wait.
  /// `text` is none of `out`. After a fault only reset() may be called.
  std::expected<void, Base64Fault> feed(std::string_view text, std::string& out);
  /// The text ends here. After it only reset() and what tells of the text may be called.
  std::expected<void, Base64Fault> end(std::string& out);
  void reset();

  /// Octets that Garbage::ignored passed over (line ends are none), and the offset of the first of them.
  std::uint64_t ignored() const { return ignored_; }
  std::uint64_t first_ignored() const { return first_ignored_; }
  /// How often something stood there, and where first.
  struct Found {
    std::uint64_t count = 0;
    std::uint64_t first = 0;  ///< offset, from the first octet fed
  };
  /// Pieces that came behind padding: where each begins.
  const Found& joined() const { return joined_; }
  /// Last digits of pieces that carry bits which belong to no octet; refused unless Garbage::ignored.
  const Found& unused_bits() const { return unused_bits_; }
  /// Pieces that lack the second of two "=": what stands in its place, or the size of the text; refused
  /// unless Garbage::ignored.
  const Found& half_padded() const { return half_padded_; }

 private:
  std::expected<void, Base64Fault> take(char c, std::string& out);
  std::expected<void, Base64Fault> take_padding(std::string& out);
  std::expected<void, Base64Fault> end_padding();
  std::expected<void, Base64Fault> end_piece(std::string& out);
  std::expected<void, Base64Fault> pass_over(std::uint64_t offset);
  void put_octets(std::string& out, std::size_t count);
  static void note(Found& found, std::uint64_t offset);

  Base64Rules rules_;
  Base64Kernel kernel_;
  std::uint64_t offset_ = 0;      // of the octet that is looked at
  std::uint64_t last_digit_ = 0;  // its offset
  std::uint32_t bits_ = 0;
  std::size_t digits_ = 0;        // of the group, 0..3
  bool padding_owed_ = false;     // "=" after two digits: one more
  bool carriage_return_ = false;  // a CR, at offset_ - 1: its LF is owed
  bool padded_ = false;           // padding came, and no digit behind it
  Found joined_, unused_bits_, half_padded_;
  std::uint64_t ignored_ = 0;
  std::uint64_t first_ignored_ = 0;
};

}  // namespace hikyaku
