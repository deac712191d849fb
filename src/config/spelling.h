#pragma once
#include <span>
#include <string_view>

namespace hikyaku::config {

/// Edits from one word to the other: an octet put in, left out or replaced, or two neighbours swapped
/// (Damerau and Levenshtein, each octet edited once). O(left x right) time.
std::size_t edit_distance(std::string_view left, std::string_view right);

/// The word of `words` that `word` was most likely meant to be; empty if none is near: at most one edit in
/// four octets, at least 1. Of equally near ones the first. A `word` longer than 100 octets has none.
std::string_view nearest(std::string_view word, std::span<const std::string_view> words);

}  // namespace hikyaku::config
