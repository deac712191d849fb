#pragma once
#include <string>
#include <string_view>

namespace hikyaku::mime {

/// The most octets of a name that safe_file_name() gives.
inline constexpr std::size_t kFileName = 200;

/// A name for a file in a folder of the reader's, made of what a message calls it (UTF-8): what stands behind
/// the last slash or backslash; without control characters, characters that turn the direction of text or
/// have no width, and those that some system has another meaning for (":*?\"<>|"), which become "_"; not
/// hidden, not one of the devices of Windows ("CON", "nul.txt"), no blanks or dots at its ends; shortened to
/// kFileName octets with its extension kept. Octets that are not UTF-8 become "_". Never empty: `otherwise`,
/// which is taken as it is, where nothing is left. Pure; O(size).
std::string safe_file_name(std::string_view name, std::string_view otherwise);

/// "photo.jpg" for 1: "photo-1.jpg": for a name that is taken.
std::string numbered_file_name(std::string_view name, unsigned number);

}  // namespace hikyaku::mime
