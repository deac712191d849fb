#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hikyaku::mime {

/// One parameter as it stands: the name in lower case ("filename*0*"), the value without quotes, comments and
/// folds, not decoded.
struct FieldParameter {
  std::string name, value;
  bool operator==(const FieldParameter&) const = default;
};

/// The value of Content-Type, Content-Disposition or Content-Transfer-Encoding: a word and its parameters
/// (RFC 2045 s. 5.1, RFC 2183 s. 2). The reading is permissive: comments are dropped, a value without quotes
/// goes up to the next semicolon, quotes that are never closed end with the field. Never fails.
struct ContentField {
  std::string word;  ///< lower case, without white space: "text/plain", "attachment", "base64"; may be empty
  std::vector<FieldParameter> parameters;  ///< at most kMaxParameters, in the order in which they stand

  static constexpr std::size_t kMaxParameters = 200;
  /// Pure; O(size).
  static ContentField parse(std::string_view value);
  /// The first one of that (lower-case) name; nullptr: none.
  const std::string* parameter(std::string_view name) const;
};

/// What MIME's fields of one header section say of its body.
struct ContentHeader {
  ContentField type;         ///< word empty: no Content-Type, or one that is none ("text" without a slash)
  ContentField disposition;  ///< word empty: none
  std::string encoding;      ///< Content-Transfer-Encoding in lower case; empty: none was given

  /// The first field of each name counts. Pure; O(size).
  static ContentHeader read(std::string_view header_section);
  /// Content-Type's "boundary", also where it is cut into pieces (RFC 2231 s. 3). nullopt: none, or empty.
  std::optional<std::string> boundary() const;
  /// 7bit, 8bit, binary, or none given: the body stands as it is.
  bool identity() const;
};

}  // namespace hikyaku::mime
