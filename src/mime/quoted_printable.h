#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "mime/transfer_notes.h"

namespace hikyaku::mime {

/// Reads quoted-printable (RFC 2045 s. 6.7) while it arrives. Line ends stay as they are, those of soft
/// breaks go. What breaks the rules is kept as it stands and noted. Holds at most kHeld octets. Pure.
class QuotedPrintableDecoder {
 public:
  /// White space at the end of a line, beyond which it counts as text.
  static constexpr std::size_t kHeld = 1000;

  void feed(std::string_view octets, std::string& out);
  void finish(std::string& out);
  const TransferNotes& notes() const { return notes_; }

 private:
  std::size_t decode(std::string_view octets, bool last, std::string& out);
  std::size_t escape(std::string_view octets, std::size_t at, bool last, std::string& out);
  void line(std::string_view octets, std::size_t at, std::size_t end, std::string& out);

  TransferNotes notes_;
  std::string held_;
  std::uint64_t offset_ = 0;  // of held_
};

/// Writes quoted-printable in lines of at most 76 octets. Nothing that it writes is changed by a gateway
/// that drops white space at line ends, or escapes "From " and dots at the begin of a line. Pure.
class QuotedPrintableEncoder {
 public:
  enum class Content : unsigned char {
    text,     ///< LF and CRLF are line ends, and become `line_end`
    lf_text,  ///< LF is a line end and becomes `line_end`; a CR is encoded: with LF as `line_end` all octets
              ///< come back
    binary,   ///< all octets must come back: line ends are encoded too
  };
  explicit QuotedPrintableEncoder(Content content, std::string_view line_end = "\r\n")
      : content_(content), line_end_(line_end) {}
  void feed(std::string_view octets, std::string& out);
  /// The text ends, with or without a line end.
  void finish(std::string& out);

 private:
  void put(unsigned char octet, bool escaped, std::string& out);
  void flush(bool before_line_end, std::string& out);
  void one(unsigned char octet, std::string& out);

  const Content content_;
  const std::string line_end_;
  std::size_t column_ = 0;
  std::size_t from_ = 0;  // octets of the line that are those of "From"
  std::string held_;      // a blank and a CR, whose meaning the next octet decides
};

}  // namespace hikyaku::mime
