#pragma once
#include <array>
#include <string>
#include <string_view>

namespace hikyaku::table {

/// True when `text` is UTF-8 (RFC 3629): no surrogates, no overlong forms, nothing above U+10FFFF.
bool is_utf8(std::string_view text);

/// Appends `text` folded to lower case: ASCII and, by Unicode's full case folding, everything else ("Straße"
/// and "STRASSE" become the same). False, with `out` unchanged, when `text` is not UTF-8. Pure; O(size).
bool append_folded(std::string_view text, std::string& out);

/// ASCII alone folded; other octets as they are.
std::string ascii_lower(std::string_view text);
bool equal_ascii_nocase(std::string_view a, std::string_view b);

/// A key folded for a lookup. Keys of usual size need no allocation. Not copyable: view() points inside.
class FoldedKey {
 public:
  explicit FoldedKey(std::string_view key);
  FoldedKey(const FoldedKey&) = delete;
  FoldedKey& operator=(const FoldedKey&) = delete;
  /// False when the key is not UTF-8: then it is in no table.
  bool valid() const { return valid_; }
  std::string_view view() const { return view_; }

 private:
  std::array<char, 328> small_;  // holds any key of a deliverable address: 64 + 1 + 255, and padding
  std::string large_;
  std::string_view view_;
  bool valid_ = true;
};

}  // namespace hikyaku::table
