#pragma once
#include <cstddef>
#include <string_view>

namespace hikyaku::mime {

/// What decoded text consists of, and how likely a text of a Japanese mail is to be just this.
struct ScriptLikelihood {
  double cost = 0;  ///< -ln(probability); the likelier, the lower
  std::size_t ascii = 0;
  std::size_t kana = 0;  ///< hiragana and katakana
  std::size_t half_kana = 0;
  std::size_t kanji = 0;     ///< CJK ideographs
  std::size_t other = 0;     ///< marks, letters of other scripts
  std::size_t replaced = 0;  ///< U+FFFD
};
/// Of `utf8`, well-formed. Pure; O(size).
ScriptLikelihood script_likelihood(std::string_view utf8);

}  // namespace hikyaku::mime
