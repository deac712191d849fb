#pragma once
#include <string>
#include <vector>

#include "mime/repair.h"
#include "mime/word_scanner.h"

namespace hikyaku::mime {

/// Decodes encoded words that stand beside each other and have one charset. Appends their text to `out`, and
/// what had to be repaired to `repairs`; `base` is the offset of the value that the words' offsets count in.
/// O(size of the words).
void decode_word_group(const std::vector<HeaderPiece>& words, std::size_t base, std::string& out,
                       Repairs& repairs);

/// Decodes octets that are labelled, or not (`label` is empty), naming what was repaired. For the
/// words of a group, and for values of parameters.
struct LabelledOctets {
  std::string_view label;
  std::string_view octets;
  std::size_t where = 0;
};
std::string decode_labelled(const LabelledOctets& given, Repairs& repairs);

/// Decodes raw octets of a header: guessed. Returns `octets` where they are ASCII alone.
std::string decode_raw(std::string_view octets, std::size_t where, Repairs& repairs);

}  // namespace hikyaku::mime
