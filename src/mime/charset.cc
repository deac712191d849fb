#include "mime/charset.h"

#include <algorithm>
#include <array>
#include <string>

#include "mime/header_text.h"

namespace hikyaku::mime {
namespace {

using K = CharsetKind;
using F = JapaneseForm;

struct Label {
  std::string_view label;  ///< lower case, without "-", "_", " " and a leading "x-" or "cs"
  Charset charset;
};

constexpr Charset other(std::string_view name, std::string_view converter) {
  return {K::other, F::none, name, converter};
}
constexpr Charset jis(F form, std::string_view name) { return {K::iso_2022_jp, form, name, {}}; }

constexpr Charset kEucMs{K::euc_jp, F::open_ms, "eucjp-ms", {}};
constexpr Charset kJis3{K::iso_2022_jp, F::jis_x_0213, "iso-2022-jp-3", "ISO-2022-JP-3"};
constexpr Charset kJis2004{K::iso_2022_jp, F::jis_x_0213, "iso-2022-jp-2004", "ISO-2022-JP-3"};
constexpr Charset kLatin1 = other("iso-8859-1", "ISO-8859-1");
constexpr Charset kGbk = other("gbk", "GBK");
constexpr Charset kKorean = other("euc-kr", "UHC");  // as everybody means it: Windows' superset
constexpr Charset kBig5 = other("big5", "BIG5-HKSCS");

constexpr std::array kLabels = {
    Label{"646", kUsAscii},
    Label{"ansi", other("windows-1252", "CP1252")},
    Label{"ansix3.41968", kUsAscii},
    Label{"arabic", other("iso-8859-6", "ISO-8859-6")},
    Label{"ascii", kUsAscii},
    Label{"big5", kBig5},
    Label{"big5hkscs", kBig5},
    Label{"cp1250", other("windows-1250", "CP1250")},
    Label{"cp1251", other("windows-1251", "CP1251")},
    Label{"cp1252", other("windows-1252", "CP1252")},
    Label{"cp1253", other("windows-1253", "CP1253")},
    Label{"cp1254", other("windows-1254", "CP1254")},
    Label{"cp1255", other("windows-1255", "CP1255")},
    Label{"cp1256", other("windows-1256", "CP1256")},
    Label{"cp1257", other("windows-1257", "CP1257")},
    Label{"cp1258", other("windows-1258", "CP1258")},
    Label{"cp20932", kEucJp},
    Label{"cp437", other("ibm437", "CP437")},
    Label{"cp50220", jis(F::standard, "cp50220")},
    Label{"cp50221", kCp50221},
    Label{"cp50222", jis(F::cp50222, "cp50222")},
    Label{"cp51932", kEucJp},
    Label{"cp65000", other("utf-7", "UTF-7")},
    Label{"cp65001", kUtf8},
    Label{"cp819", kLatin1},
    Label{"cp850", other("ibm850", "CP850")},
    Label{"cp852", other("ibm852", "CP852")},
    Label{"cp866", other("ibm866", "CP866")},
    Label{"cp932", kShiftJis},
    Label{"cp936", kGbk},
    Label{"cp943", kShiftJis},
    Label{"cp949", kKorean},
    Label{"cp950", other("cp950", "CP950")},
    Label{"cyrillic", other("iso-8859-5", "ISO-8859-5")},
    Label{"euc", kEucJp},
    Label{"euccn", kGbk},
    Label{"eucjis2004", other("euc-jis-2004", "EUC-JISX0213")},
    Label{"eucjisx0213", other("euc-jis-2004", "EUC-JISX0213")},
    Label{"eucjp", kEucJp},
    Label{"eucjp2004", other("euc-jis-2004", "EUC-JISX0213")},
    Label{"eucjpms", kEucMs},
    Label{"eucjpopen", kEucMs},
    Label{"eucjpwin", kEucMs},
    Label{"euckr", kKorean},
    Label{"eucpkdfmtjapanese", kEucJp},
    Label{"euctw", other("euc-tw", "EUC-TW")},
    Label{"extendedunixcodepackedformatforjapanese", kEucJp},
    Label{"gb18030", other("gb18030", "GB18030")},
    Label{"gb2312", kGbk},
    Label{"gb231280", kGbk},
    Label{"gbk", kGbk},
    Label{"greek", other("iso-8859-7", "ISO-8859-7")},
    Label{"hebrew", other("iso-8859-8", "ISO-8859-8")},
    Label{"hz", other("hz-gb-2312", "HZ")},
    Label{"hzgb2312", other("hz-gb-2312", "HZ")},
    Label{"ibm437", other("ibm437", "CP437")},
    Label{"ibm819", kLatin1},
    Label{"ibm850", other("ibm850", "CP850")},
    Label{"ibm852", other("ibm852", "CP852")},
    Label{"ibm866", other("ibm866", "CP866")},
    Label{"ibm932", kShiftJis},
    Label{"ibm943", kShiftJis},
    Label{"iso2022", kIso2022Jp},
    Label{"iso2022cn", other("iso-2022-cn", "ISO-2022-CN")},
    Label{"iso2022jp", kIso2022Jp},
    Label{"iso2022jp1", jis(F::jis_x_0212, "iso-2022-jp-1")},
    Label{"iso2022jp2", jis(F::jis_x_0212, "iso-2022-jp-2")},
    Label{"iso2022jp2004", kJis2004},
    Label{"iso2022jp3", kJis3},
    Label{"iso2022jpms", jis(F::open_ms, "iso-2022-jp-ms")},
    Label{"iso2022kr", other("iso-2022-kr", "ISO-2022-KR")},
    Label{"iso646us", kUsAscii},
    Label{"iso88591", kLatin1},
    Label{"iso885910", other("iso-8859-10", "ISO-8859-10")},
    Label{"iso885911", other("iso-8859-11", "ISO-8859-11")},
    Label{"iso885913", other("iso-8859-13", "ISO-8859-13")},
    Label{"iso885914", other("iso-8859-14", "ISO-8859-14")},
    Label{"iso885915", other("iso-8859-15", "ISO-8859-15")},
    Label{"iso885916", other("iso-8859-16", "ISO-8859-16")},
    Label{"iso88592", other("iso-8859-2", "ISO-8859-2")},
    Label{"iso88593", other("iso-8859-3", "ISO-8859-3")},
    Label{"iso88594", other("iso-8859-4", "ISO-8859-4")},
    Label{"iso88595", other("iso-8859-5", "ISO-8859-5")},
    Label{"iso88596", other("iso-8859-6", "ISO-8859-6")},
    Label{"iso88597", other("iso-8859-7", "ISO-8859-7")},
    Label{"iso88598", other("iso-8859-8", "ISO-8859-8")},
    Label{"iso88598e", other("iso-8859-8", "ISO-8859-8")},
    Label{"iso88598i", other("iso-8859-8", "ISO-8859-8")},
    Label{"iso88599", other("iso-8859-9", "ISO-8859-9")},
    Label{"jis", kIso2022Jp},
    Label{"jisencoding", kIso2022Jp},
    Label{"johab", other("johab", "JOHAB")},
    Label{"junet", kIso2022Jp},
    Label{"koi8r", other("koi8-r", "KOI8-R")},
    Label{"koi8u", other("koi8-u", "KOI8-U")},
    Label{"ksc5601", kKorean},
    Label{"ksc56011987", kKorean},
    Label{"l1", kLatin1},
    Label{"latin1", kLatin1},
    Label{"latin2", other("iso-8859-2", "ISO-8859-2")},
    Label{"latin5", other("iso-8859-9", "ISO-8859-9")},
    Label{"latin9", other("iso-8859-15", "ISO-8859-15")},
    Label{"maccyrillic", other("x-mac-cyrillic", "MAC-CYRILLIC")},
    Label{"macintosh", other("macintosh", "MACINTOSH")},
    Label{"macroman", other("macintosh", "MACINTOSH")},
    Label{"ms932", kShiftJis},
    Label{"ms936", kGbk},
    Label{"mscp932", kShiftJis},
    Label{"mskanji", kShiftJis},
    Label{"shiftjis", kShiftJis},
    Label{"shiftjis2004", other("shift_jis-2004", "SHIFT_JISX0213")},
    Label{"shiftjisx0213", other("shift_jis-2004", "SHIFT_JISX0213")},
    Label{"sjis", kShiftJis},
    Label{"sjis2004", other("shift_jis-2004", "SHIFT_JISX0213")},
    Label{"sjisopen", kShiftJis},
    Label{"sjiswin", kShiftJis},
    Label{"tcvn", other("tcvn", "TCVN")},
    Label{"tis620", other("tis-620", "CP874")},
    Label{"uhc", kKorean},
    Label{"ujis", kEucJp},
    Label{"unicode11utf7", other("utf-7", "UTF-7")},
    Label{"unicode11utf8", kUtf8},
    Label{"usascii", kUsAscii},
    Label{"utf16", other("utf-16", "UTF-16")},
    Label{"utf16be", other("utf-16be", "UTF-16BE")},
    Label{"utf16le", other("utf-16le", "UTF-16LE")},
    Label{"utf32", other("utf-32", "UTF-32")},
    Label{"utf7", other("utf-7", "UTF-7")},
    Label{"utf8", kUtf8},
    Label{"utf8mb4", kUtf8},
    Label{"viscii", other("viscii", "VISCII")},
    Label{"windows1250", other("windows-1250", "CP1250")},
    Label{"windows1251", other("windows-1251", "CP1251")},
    Label{"windows1252", other("windows-1252", "CP1252")},
    Label{"windows1253", other("windows-1253", "CP1253")},
    Label{"windows1254", other("windows-1254", "CP1254")},
    Label{"windows1255", other("windows-1255", "CP1255")},
    Label{"windows1256", other("windows-1256", "CP1256")},
    Label{"windows1257", other("windows-1257", "CP1257")},
    Label{"windows1258", other("windows-1258", "CP1258")},
    Label{"windows31j", kShiftJis},
    Label{"windows50220", jis(F::standard, "cp50220")},
    Label{"windows50221", kCp50221},
    Label{"windows50222", jis(F::cp50222, "cp50222")},
    Label{"windows51932", kEucJp},
    Label{"windows874", other("windows-874", "CP874")},
    Label{"windows932", kShiftJis},
    Label{"windows936", kGbk},
    Label{"windows949", kKorean},
    Label{"windows950", other("cp950", "CP950")},
};
constexpr bool before(const Label& one, const Label& other) { return one.label < other.label; }
static_assert(std::is_sorted(kLabels.begin(), kLabels.end(), before), "they are searched by halves");

const Label* find(std::string_view label) {
  const auto* const found =
      std::lower_bound(kLabels.begin(), kLabels.end(), label,
                       [](const Label& known, std::string_view wanted) { return known.label < wanted; });
  return found == kLabels.end() || found->label != label ? nullptr : found;
}

}  // namespace

std::optional<Charset> charset_by_label(std::string_view label) {
  label = label.substr(0, label.find('*'));
  if (label.size() > 64) return std::nullopt;
  std::string plain;
  for (const char c : label) {
    if (c != '-' && c != '_' && c != ' ' && c != '\t' && c != '"' && c != '\'' && c != '\r' && c != '\n')
      plain += lower(c);
  }
  const std::string_view view = plain;
  if (const auto* const known = find(view)) return known->charset;
  for (const std::string_view prefix : {"x", "cs"}) {
    if (!view.starts_with(prefix)) continue;
    if (const auto* const known = find(view.substr(prefix.size()))) return known->charset;
  }
  // "ISO-8859-1:1987", "JIS_X0208..." and such carry a year.
  if (const auto colon = view.find(':'); colon != std::string_view::npos) {
    if (const auto* const known = find(view.substr(0, colon))) return known->charset;
  }
  return std::nullopt;
}

bool ascii_compatible(const Charset& charset) {
  return charset.name != "utf-7" && !charset.name.starts_with("utf-16") &&
         !charset.name.starts_with("utf-32") && charset.name != "hz-gb-2312";
}

}  // namespace hikyaku::mime
