#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "mime/iconv_handle.h"
#include "mime/japanese_cells.h"
#include "mime/text_decoder.h"

namespace hikyaku::mime {

/// Reads the octets of one kind of charset. A reader leaves at the end what more octets may complete, at most
/// kHeldBack octets, unless there are no more.
class TextDecoder::Reader {
 public:
  static constexpr std::size_t kHeldBack = 1024;

  virtual ~Reader() = default;
  /// Reads from the front of `octets`, appends to `out`, and gives how many octets it took.
  virtual std::size_t read(std::string_view octets, bool last, std::string& out) = 0;
  /// Back to the state at the beginning of a text.
  virtual void reset(std::string& out) = 0;

  void feed(std::string_view octets, bool last, std::string& out);
  const DecodeNotes& notes() const { return notes_; }

 protected:
  /// U+FFFD for what stands at `at` of the octets that read() was given.
  void put_replacement(std::size_t at, std::string& out);
  /// Where in the text the octets begin that read() was given.
  std::uint64_t position() const { return position_; }
  DecodeNotes notes_;

 private:
  std::string held_;
  std::uint64_t position_ = 0;  ///< in the text, of the first octet that read() is given
};

std::unique_ptr<TextDecoder::Reader> make_utf8_reader(bool ascii_alone);
std::unique_ptr<TextDecoder::Reader> make_iconv_reader(IconvHandle iconv);
std::unique_ptr<TextDecoder::Reader> make_iso_2022_jp_reader(const JapaneseCells& cells);
std::unique_ptr<TextDecoder::Reader> make_shift_jis_reader(const JapaneseCells& cells);
std::unique_ptr<TextDecoder::Reader> make_euc_jp_reader(const JapaneseCells& cells, JapaneseForm form);

}  // namespace hikyaku::mime
