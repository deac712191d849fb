#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "mime/charset.h"

namespace hikyaku::mime {

/// What an encoder could not say.
struct EncodeNotes {
  std::uint64_t unencodable = 0;         ///< characters that became "?"
  std::optional<std::uint64_t> first{};  ///< offset of the first of them
  std::vector<std::string> which{};      ///< the first 16 different ones: "U+1F600 \U0001F600"
  bool kana_widened = false;             ///< half-width kana became full-width (ISO-2022-JP, CP50220)
};

/// Encodes a stream of UTF-8. Characters that have two forms among the mappings in use (U+FF5E and U+301C,
/// U+2225 and U+2016, U+FF0D and U+2212, U+2015 and U+2014, the full-width and the plain cent, pound, not and
/// yen signs) go to the same cell. ISO-2022-JP returns to ASCII before each line end and at finish(). What
/// has no cell, and octets that are no UTF-8, become "?" and are named. Holds at most 8 octets back between
/// calls. Not thread-safe.
class TextEncoder {
 public:
  /// Fails with Fault::not_found where this system's iconv has no such charset.
  static Result<TextEncoder> open(const Charset& charset);
  TextEncoder(TextEncoder&&) noexcept;
  TextEncoder& operator=(TextEncoder&&) noexcept;
  ~TextEncoder();

  void feed(std::string_view utf8, std::string& out);
  /// Ends the text in the initial shift state. The encoder may then begin another.
  void finish(std::string& out);
  const EncodeNotes& notes() const;

  class Writer;  ///< the writer of one kind of charset (internal)

 private:
  explicit TextEncoder(std::unique_ptr<Writer> writer);
  std::unique_ptr<Writer> writer_;
};

struct EncodedOctets {
  std::string octets;
  EncodeNotes notes;
};
/// The whole of `utf8` at once.
Result<EncodedOctets> encode_octets(const Charset& charset, std::string_view utf8);

}  // namespace hikyaku::mime
