#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "table/posix_engine.h"

namespace hikyaku::greylist {

/// What a clause compares with: a text in quotes, an address or a name as it stands, or a POSIX regular
/// expression between slashes. Without case wherever it is a regular expression.
class Pattern {
 public:
  static constexpr std::size_t kLimit = 4096;  ///< octets of one

  static Pattern literal(std::string text) { return Pattern(std::move(text)); }
  /// `source` is what stands between the slashes, where "\/" means a slash. Basic expressions, or extended
  /// ones after the setting `extendedregex` (re_format(7)); "." and "[^a]" match no line end, "^" and "$"
  /// match at each. Fails with Fault::malformed.
  enum class Syntax : unsigned char { basic, extended };
  static Result<Pattern> regex(std::string_view source, Syntax syntax);

  bool is_regex() const { return engine_.has_value(); }
  /// As it was given: without quotes or slashes.
  const std::string& text() const { return text_; }

  /// Only of a regular expression: what its groups matched, in order, if it matches; one that took no part is
  /// empty. Fails with Fault::temporary when the matching ran out of memory.
  using Groups = std::vector<std::string>;
  Result<std::optional<Groups>> match(std::string_view subject) const;

 private:
  explicit Pattern(std::string text) : text_(std::move(text)) {}
  std::string text_;
  std::optional<table::PosixEngine> engine_;
};

}  // namespace hikyaku::greylist
