#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hikyaku::config {

/// Splits a command into its words as a shell does (POSIX.1-2017, Shell Command Language s. 2.2), but expands
/// nothing: 'x', "x" with \ before $ ` " \ and the end of a line, \x elsewhere, and a comment behind a # that
/// begins a word. $ * ~ ; | and their like mean themselves. Fails with Fault::malformed where a quote is not
/// closed, nothing stands behind a \ or there is a NUL. Pure; O(size).
Result<std::vector<std::string>> command_words(std::string_view text);

}  // namespace hikyaku::config
