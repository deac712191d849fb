#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hikyaku::probe {

/// The variables of a script while it runs. A value that has a secret in it is one.
struct ScriptValue {
  std::string text;
  bool secret = false;
};
using ScriptValues = std::map<std::string, ScriptValue, std::less<>>;

/// A text with variables in it: "AUTH PLAIN ${base64:login}".
struct ScriptText {
  struct Piece {
    std::string text;  ///< as it is; or the name of a variable
    bool variable = false, base64 = false;
  };
  std::vector<Piece> pieces;
  std::string written;  ///< as it stands in the script

  /// Reads it; with `escapes` \r \n \t \0 \\ \xHH and \$ are octets. Fails with Fault::malformed.
  static Result<ScriptText> parse(std::string_view text, bool escapes);
  /// What it comes to; `secret_from` is where the first secret begins, npos: there is none. Fault::not_found:
  /// a variable has no value; Fault::permanent: it is longer than 1 MiB.
  Result<std::string> filled(const ScriptValues& values, std::size_t& secret_from) const;
};

/// A line of a server that is expected.
class ScriptPattern {
 public:
  enum class Kind : unsigned char {
    wildcard,  ///< '*' is any text; "\*" a star, "\\" a backslash; upper and lower case differ
    regex,     ///< PCRE2's, anywhere in the line; (?<name>...) becomes the variable "name"
  };
  /// Fails with Fault::malformed: the text is no pattern, whatever its variables are.
  static Result<ScriptPattern> parse(std::string_view text, Kind kind);

  /// Whether a line of at most 8 KiB is of this kind, and what it captures; the work is bounded. Fails with
  /// Fault::not_found as filled() does; Fault::permanent: the pattern is longer than 1 MiB, or
  /// the match took too much work.
  Result<bool> matches(std::string_view line, const ScriptValues& values, ScriptValues& captured) const;
  const std::string& written() const { return text_.written; }

 private:
  struct Compiled;
  Kind kind_ = Kind::wildcard;
  ScriptText text_;
  std::shared_ptr<const Compiled> compiled_;  ///< of a pattern without variables
};

}  // namespace hikyaku::probe
