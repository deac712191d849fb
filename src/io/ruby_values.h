#pragma once
#include <mruby.h>

#include "base/plain_value.h"

namespace hikyaku::io {

// Between Ruby's values and ours, within the interpreter's process.

/// Symbols become text; what is no data (an object, a range) becomes its to_s. Calls Ruby, and may raise.
/// `out` is not on the stack of what may be left by that.
void to_plain(mrb_state* ruby, mrb_value value, PlainValue& out, unsigned depth = 0);
/// May raise NoMemoryError.
mrb_value to_ruby(mrb_state* ruby, const PlainValue& value);

}  // namespace hikyaku::io
