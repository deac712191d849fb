#pragma once
#include <mruby.h>

namespace hikyaku::io {

/// Defines in the module what Ruby's class Regexp is made of (ruby_library.inc has the class itself):
/// `regexp(source, options)`, `match(regexp, text, offset)`, `names(regexp)`, `last(values)`, which sets $~
/// and its like; and `ip(text)`, an address's octets.
void define_regexp(mrb_state* ruby, RClass* module);

}  // namespace hikyaku::io
