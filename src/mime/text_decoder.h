#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "mime/charset.h"

namespace hikyaku::mime {

/// What a decoder met on its way.
struct DecodeNotes {
  std::uint64_t replaced = 0;                ///< places that could not be decoded, each one U+FFFD
  std::optional<std::uint64_t> first_bad{};  ///< offset of the first octet of the first such place
  bool lost_escape = false;      ///< "$B...(B" whose ESC octets were lost was read as if they were there
  bool half_width_kana = false;  ///< half-width kana in an ISO-2022-JP form (ESC ( I, SO, or 8-bit)
  bool eight_bit = false;        ///< octets with the 8th bit in an ISO-2022-JP form
  bool extended =
      false;  ///< cells outside of JIS X 0208 in an ISO-2022-JP form: NEC row 13, NEC selected, IBM
  bool user_defined = false;   ///< a user defined character (gaiji): U+E000..U+E757
  bool ended_shifted = false;  ///< a line, or the text, ended without return to ASCII
};

/// Decodes a stream of octets to UTF-8. Each cell has Microsoft's mapping (CP932), whatever the label says:
/// docs/japanese-mail.md tells why. What can't be decoded becomes U+FFFD and is counted; nothing is dropped
/// in silence. Holds at most 4 KiB back between calls. Not thread-safe.
class TextDecoder {
 public:
  /// Fails with Fault::not_found where this system's iconv has no such charset.
  static Result<TextDecoder> open(const Charset& charset);
  TextDecoder(TextDecoder&&) noexcept;
  TextDecoder& operator=(TextDecoder&&) noexcept;
  ~TextDecoder();

  /// Appends what `octets` say. O(octets).
  void feed(std::string_view octets, std::string& out);
  /// Ends the text: what is held back is decoded. The decoder may then begin another text; its notes go on.
  void finish(std::string& out);
  const DecodeNotes& notes() const;

  class Reader;  ///< the reader of one kind of charset (internal)

 private:
  explicit TextDecoder(std::unique_ptr<Reader> reader);
  std::unique_ptr<Reader> reader_;
};

struct DecodedOctets {
  std::string text;  ///< UTF-8
  DecodeNotes notes;
};
/// The whole of `octets` at once.
Result<DecodedOctets> decode_octets(const Charset& charset, std::string_view octets);

}  // namespace hikyaku::mime
