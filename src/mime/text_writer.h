#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "mime/iconv_handle.h"
#include "mime/japanese_cells.h"
#include "mime/text_encoder.h"

namespace hikyaku::mime {

/// Writes the characters of one kind of charset.
class TextEncoder::Writer {
 public:
  virtual ~Writer() = default;
  /// Appends what can go in one piece from the front of `utf8`, and gives how many octets of it: 0 for none.
  virtual std::size_t put_run(std::string_view utf8, std::string& out) = 0;
  /// Appends one character. False where the charset has none such: nothing was appended.
  virtual bool put(char32_t character, std::string& out) = 0;
  /// Back to the state at the beginning of a text.
  virtual void finish(std::string& out) = 0;

  void feed(std::string_view utf8, bool last, std::string& out);
  const EncodeNotes& notes() const { return notes_; }

 protected:
  EncodeNotes notes_;

 private:
  void unencodable(std::string_view octets, bool is_character, std::string& out);
  std::string held_;
  std::uint64_t position_ = 0;  ///< in the text, of the first octet that feed() looks at
};

std::unique_ptr<TextEncoder::Writer> make_utf8_writer(bool ascii_alone);
std::unique_ptr<TextEncoder::Writer> make_iconv_writer(IconvHandle iconv);
std::unique_ptr<TextEncoder::Writer> make_iso_2022_jp_writer(const JapaneseCells& cells, JapaneseForm form);
std::unique_ptr<TextEncoder::Writer> make_shift_jis_writer(const JapaneseCells& cells);
std::unique_ptr<TextEncoder::Writer> make_euc_jp_writer(const JapaneseCells& cells, JapaneseForm form);

}  // namespace hikyaku::mime
