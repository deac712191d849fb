#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "mime/crc32.h"
#include "mime/transfer_notes.h"

namespace hikyaku::mime {

/// A file that stands encoded within the lines of a text.
struct EmbeddedFile {
  enum class Encoding : unsigned char { uuencode, yenc };
  Encoding encoding = Encoding::uuencode;
  std::string name;  ///< octets as they stand; not safe as a file's name
  /// yEnc alone: what its lines tell. Of a file in several parts `begin` is the place of this one, from 0.
  std::uint64_t size = 0, begin = 0;
  std::uint64_t part = 0, parts = 0;  ///< 0: it is whole
  std::uint64_t offset = 0;           ///< of its first line, from the begin of the text
};

/// Who is told what a text holds.
class EmbeddedFileListener {
 public:
  virtual ~EmbeddedFileListener() = default;
  virtual void text(std::string_view octets) = 0;
  virtual void file_begins(const EmbeddedFile& file) = 0;
  virtual void file(std::string_view octets) = 0;
  /// `octets`: how many came. `notes`: offsets from the begin of the text.
  virtual void file_ends(std::uint64_t octets, const TransferNotes& notes) = 0;
};

/// Finds uuencoded files (POSIX uuencode, "begin 644 name" to "end") and yEnc (yEnc draft 1.3, "=ybegin" to
/// "=yend") in a text while it arrives, and hands on the text around them octet by octet. A line that only
/// looks like the begin of a file stays text: the line after it must be encoded as well. Holds two lines, of
/// which no more than kLine octets are looked at. Pure. Not thread-safe.
class EmbeddedFileReader {
 public:
  static constexpr std::size_t kLine = 4096;

  /// `listener` outlives this.
  explicit EmbeddedFileReader(EmbeddedFileListener& listener) : listener_(listener) {}
  void feed(std::string_view octets);
  void finish();
  /// How much of the text has been read. Of use in file_ends(): what is behind a whole file begins here.
  std::uint64_t offset() const { return offset_; }

 private:
  enum class State : unsigned char { text, uu_begun, uu, uu_last, yenc_begun, yenc };

  std::size_t take_text(std::string_view octets);
  std::size_t take_line(std::string_view octets);
  std::size_t take_yenc(std::string_view octets);
  void line();
  void text_line();
  void uu_line();
  void uu_last_line();
  void yenc_header_line();
  void yenc_keyword_line();
  void end_file();
  void begin_file();
  void not_a_file();
  void give_text(std::string_view octets);

  EmbeddedFileListener& listener_;
  State state_ = State::text;
  bool line_start_ = true;
  std::string line_;  // that is not complete
  std::string held_;  // the line that begins a file, until the next one proves it
  std::string decoded_;
  std::uint64_t offset_ = 0;  // of what follows line_
  EmbeddedFile found_;
  TransferNotes notes_;
  std::uint64_t octets_ = 0;
  std::optional<std::uint64_t> part_size_;
  Crc32 checksum_;
  bool escaped_ = false;  // yEnc: the last octet was "="
};

}  // namespace hikyaku::mime
