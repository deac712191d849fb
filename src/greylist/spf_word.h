#pragma once
#include <optional>
#include <string_view>

#include "greylist/spf.h"

namespace hikyaku::greylist {

/// What the clause "spf" of greylist.conf can ask for; "spf" alone is "spf pass".
enum class SpfWord : unsigned char {
  pass,
  softfail,
  fail,
  neutral,
  unknown,  ///< the record of the domain itself could not be had, or is malformed: SpfResult::unread
  error,    ///< temperror and permerror otherwise: in what the record leads to
  none,
  self,  ///< the record permits this host too, and so most likely anybody
};

/// Reads a word, upper or lower case. nullopt: it is none.
std::optional<SpfWord> spf_word(std::string_view text);
/// "softfail"
std::string_view text(SpfWord word);

/// The word for a result, as milter-greylist 4.6.4 with libspf2 has it; never SpfWord::self.
SpfWord word_of(const SpfResult& result);

/// Does the clause hold? For SpfWord::self `result` is that of a check with an address of this host
/// (localaddr, or the one that was connected to) in place of the client's; for all others that of the client.
bool holds(SpfWord word, const SpfResult& result);

}  // namespace hikyaku::greylist
