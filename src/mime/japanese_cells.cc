#include "mime/japanese_cells.h"

#include <algorithm>
#include <array>
#include <string>

#include "base/utf8.h"
#include "mime/iconv_handle.h"
#include "mime/unicode.h"

namespace hikyaku::mime {
namespace {

/// The one character that `octets` are, or 0.
char16_t converted(IconvHandle& iconv, std::string_view octets) {
  std::string utf8;
  const auto stop = iconv.convert(octets, utf8);
  iconv.finish(utf8);
  std::string_view text = utf8;
  if (stop != IconvHandle::Stop::done || text.empty() || utf8_length(text) == 0) return 0;
  const auto character = take_utf8(text);
  return text.empty() && character < 0x10000 ? static_cast<char16_t>(character) : char16_t{0};
}

std::array<char, 2> shift_jis_octets(unsigned row, unsigned cell) {
  const unsigned lead = (row - 1) / 2 + (row <= 62 ? 0x81 : 0xc1);
  unsigned trail = (row % 2 ? 0x3f : 0x9e) + cell;
  if (row % 2 && trail >= 0x7f) ++trail;
  return {static_cast<char>(lead), static_cast<char>(trail)};
}

/// Characters that JIS's own mapping gives to a cell that CP932 maps to another.
struct Twin {
  char32_t jis, microsoft;
};
constexpr std::array kTwins = {
    Twin{0x301c, 0xff5e}, Twin{0x2016, 0x2225}, Twin{0x2212, 0xff0d}, Twin{0x2014, 0x2015},
    Twin{0x00a2, 0xffe0}, Twin{0x00a3, 0xffe1}, Twin{0x00ac, 0xffe2}, Twin{0x00a6, 0xffe4},
    Twin{0x00a5, 0xffe5}, Twin{0x203e, 0xffe3},
};

// U+FF61..U+FF9D in their order; the marks U+FF9E and U+FF9F stand alone as U+309B and U+309C.
constexpr std::u16string_view kFullWidth =
    u"。「」、・ヲァィゥェォャュョッーアイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモ"
    u"ヤユヨラリルレロワン゛゜";
constexpr char32_t kHalfFirst = 0xff61;

}  // namespace

Result<const JapaneseCells*> JapaneseCells::get() {
  struct Made {
    JapaneseCells cells;
    Result<bool> made = cells.make();
  };
  static const Made made;
  if (!made.made) return std::unexpected(made.made.error());
  return &made.cells;
}

Result<bool> JapaneseCells::make() {
  auto cp932 = IconvHandle::open("UTF-8", "CP932");
  auto euc = IconvHandle::open("UTF-8", "EUC-JP-MS");
  if (!cp932 || !euc)
    return fail(Fault::not_found,
                "this system's iconv has no CP932 or no EUC-JP-MS: install its converters (gconv)");
  x0208_.resize(kRows * kCells);
  x0212_.resize(kCells * kCells);
  for (unsigned row = 1; row <= kRows; ++row) {
    for (unsigned cell = 1; cell <= kCells; ++cell) {
      const auto octets = shift_jis_octets(row, cell);
      x0208_[(row - 1) * kCells + cell - 1] = converted(*cp932, {octets.data(), octets.size()});
      if (row > kCells) continue;
      const std::array third{'\x8f', static_cast<char>(0xa0 + row), static_cast<char>(0xa0 + cell)};
      x0212_[(row - 1) * kCells + cell - 1] = converted(*euc, {third.data(), third.size()});
    }
  }
  index();
  return true;
}

void JapaneseCells::index() {
  to_x0208_.assign(0x10000, 0);
  to_cp932_.assign(0x10000, 0);
  to_x0212_.assign(0x10000, 0);
  const auto fill = [](Places& places, const Table& table, unsigned first, unsigned last) {
    for (unsigned row = first; row <= last; ++row) {
      for (unsigned cell = 1; cell <= kCells; ++cell) {
        const auto character = table[(row - 1) * kCells + cell - 1];
        if (character && !places[character]) places[character] = static_cast<std::uint16_t>(row << 8 | cell);
      }
    }
  };
  // The first place counts: JIS X 0208 and NEC's row 13 before all, then as Microsoft prefers.
  fill(to_x0208_, x0208_, 1, kCells);
  fill(to_cp932_, x0208_, 1, 88);
  fill(to_cp932_, x0208_, kUserRow, kRows);
  fill(to_cp932_, x0208_, 89, kCells);
  fill(to_x0212_, x0212_, 1, kCells);
  for (const auto& twin : kTwins) {
    for (auto* const places : {&to_x0208_, &to_cp932_}) {
      if (!(*places)[twin.jis]) (*places)[twin.jis] = (*places)[twin.microsoft];
    }
  }
}

char32_t full_width_kana(char32_t half) {
  return half - kHalfFirst < kFullWidth.size() ? kFullWidth[half - kHalfFirst] : char32_t{0};
}

char32_t voiced_kana(char32_t full, char32_t mark) {
  const bool ha_row = full >= U'ハ' && full <= U'ホ' && (full - U'ハ') % 3 == 0;
  if (mark == 0xff9f) return ha_row ? full + 2 : 0;
  if (mark != 0xff9e) return 0;
  if (full == U'ウ') return U'ヴ';
  constexpr std::u32string_view kVoiceable = U"カキクケコサシスセソタチツテト";
  return ha_row || kVoiceable.find(full) != std::u32string_view::npos ? full + 1 : 0;
}

}  // namespace hikyaku::mime
