#pragma once
#include "greylist/spf_word.h"
#include "mail/dkim_verdict.h"

namespace hikyaku::greylist {

/// The word of a `dkim` clause for a verdict, as milter-greylist 4.6.4 has it: "neutral" is the word unknown,
/// temperror and permerror are error. Never softfail, neutral or self.
SpfWord dkim_word(const mail::DkimVerdict& verdict);
/// Whether a verdict may come to this word.
bool is_dkim_word(SpfWord word);

}  // namespace hikyaku::greylist
