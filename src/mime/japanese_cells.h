#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hikyaku::mime {

/// The characters of the Japanese double-octet sets by row and cell (from 1, as the standards count), and
/// back, as Microsoft maps them (CP932); JIS X 0212 as eucJP-ms has it. Made once from the system's iconv;
/// then constant, and safe for all threads.
class JapaneseCells {
 public:
  static constexpr unsigned kRows =
      120;  ///< 1..94 JIS X 0208, NEC's and the selected; 95..114 the user's; 115..120 IBM's
  static constexpr unsigned kUserRow = 95;  ///< the first of the user's rows, 20 of them
  static constexpr unsigned kIbmRow = 115;
  static constexpr unsigned kCells = 94;
  static constexpr char32_t kUserFirst = 0xe000;
  static constexpr char32_t kUserLast = 0xe757;

  /// Fails with Fault::not_found where iconv has no CP932 or no EUC-JP-MS.
  static Result<const JapaneseCells*> get();

  /// 0 where the cell is empty, or outside of all rows.
  char32_t jis_x_0208(unsigned row, unsigned cell) const { return at(x0208_, kRows, row, cell); }
  char32_t jis_x_0212(unsigned row, unsigned cell) const { return at(x0212_, kCells, row, cell); }

  /// A character's place: row * 256 + cell; 0 where it has none. Characters of two mappings have one place.
  /// In rows 1..94 alone: what ISO-2022-JP and EUC-JP can say.
  std::uint16_t place_in_jis_x_0208(char32_t character) const { return at(to_x0208_, character); }
  /// In all rows, IBM's before NEC's selected: what CP932 says.
  std::uint16_t place_in_cp932(char32_t character) const { return at(to_cp932_, character); }
  std::uint16_t place_in_jis_x_0212(char32_t character) const { return at(to_x0212_, character); }

 private:
  using Table = std::vector<char16_t>;
  using Places = std::vector<std::uint16_t>;
  static char32_t at(const Table& table, unsigned rows, unsigned row, unsigned cell) {
    return row - 1 < rows && cell - 1 < kCells ? table[(row - 1) * kCells + cell - 1] : 0;
  }
  static std::uint16_t at(const Places& places, char32_t character) {
    return character < places.size() ? places[character] : 0;
  }
  Result<bool> make();
  void index();

  Table x0208_, x0212_;
  Places to_x0208_, to_cp932_, to_x0212_;
};

/// The full-width form of a half-width kana or mark (U+FF61..U+FF9F); 0 for others.
char32_t full_width_kana(char32_t half);
/// What the kana (full-width) is with a voiced (U+FF9E) or half-voiced (U+FF9F) mark behind it; 0 where there
/// is no such.
char32_t voiced_kana(char32_t full, char32_t mark);

}  // namespace hikyaku::mime
