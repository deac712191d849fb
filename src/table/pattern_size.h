#pragma once
#include <string_view>

namespace hikyaku::table {

/// About how many characters a POSIX pattern has when its repetitions are written out, as regcomp(3) does:
/// "a+" is "aa*", "(ab){3}" is "ababab"; more where what is repeated may match nothing, "(a*)+", for there
/// the work grows with the square; infinite where such repetitions stand within each other. `extended`: ERE,
/// else BRE. Never too low by more than a small factor; may be huge. Also for texts that are no patterns.
/// Pure; O(size).
double expanded_size(std::string_view pattern, bool extended);

}  // namespace hikyaku::table
