#pragma once
#include <optional>
#include <string_view>

namespace hikyaku::mime {

/// How a charset's octets are read. The Japanese ones have our own readers, for what is found in mail breaks
/// their standards; `other` goes through the system's iconv(3).
enum class CharsetKind : unsigned char { ascii, utf_8, iso_2022_jp, shift_jis, euc_jp, other };

/// Which characters of the Japanese charsets have which cells, and what an encoder may write.
enum class JapaneseForm : unsigned char {
  none,
  standard,    ///< ISO-2022-JP, Shift_JIS, EUC-JP: no half-width kana is written in ISO-2022-JP
  cp50221,     ///< half-width kana is written by ESC ( I
  cp50222,     ///< half-width kana is written by SO and SI
  jis_x_0212,  ///< ISO-2022-JP-1, -2: JIS X 0212 is written by ESC $ ( D
  /// ISO-2022-JP-MS: the user's own characters by ESC $ ( ?; eucJP-ms: rows 85..94 are the user's own. JIS X
  /// 0212 and kana are written.
  open_ms,
  jis_x_0213,  ///< ISO-2022-JP-3, -2004, EUC-JIS-2004, Shift_JIS-2004
};

/// A charset that can be read. All views are of constants.
struct Charset {
  CharsetKind kind = CharsetKind::ascii;
  JapaneseForm form = JapaneseForm::none;
  std::string_view name = "us-ascii";  ///< the name to label text with (IANA's, lower case)
  std::string_view converter;          ///< iconv's name; used for kind `other` and form jis_x_0213 alone
  bool operator==(const Charset& other) const { return name == other.name; }
};

inline constexpr Charset kUsAscii{};
inline constexpr Charset kUtf8{CharsetKind::utf_8, JapaneseForm::none, "utf-8", {}};
inline constexpr Charset kIso2022Jp{CharsetKind::iso_2022_jp, JapaneseForm::standard, "iso-2022-jp", {}};
inline constexpr Charset kCp50221{CharsetKind::iso_2022_jp, JapaneseForm::cp50221, "cp50221", {}};
inline constexpr Charset kShiftJis{CharsetKind::shift_jis, JapaneseForm::standard, "shift_jis", {}};
inline constexpr Charset kEucJp{CharsetKind::euc_jp, JapaneseForm::standard, "euc-jp", {}};

/// The charset of a label as it is found in mail ("ISO-2022-JP", "x-sjis", "cp932", "windows-31j",
/// "\"utf8\""): without regard to case, to quotes and white space around it, and to an RFC 2231 language
/// behind "*". nullopt for a label that nobody knows. Pure; no allocation beyond 64 octets.
std::optional<Charset> charset_by_label(std::string_view label);

/// Whether text of ASCII alone is the same octets in this charset (not in UTF-7, UTF-16, ISO-2022-JP with
/// "ESC").
bool ascii_compatible(const Charset& charset);

}  // namespace hikyaku::mime
