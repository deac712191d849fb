#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "mime/encoded_word.h"
#include "mime/repair.h"

namespace hikyaku::mime {

struct Parameter {
  std::string name;      ///< lower case, without "*" and numbers
  std::string value;     ///< UTF-8; octets of an ASCII value as they are
  std::string charset;   ///< the label of RFC 2231, empty without
  std::string language;  ///< the language of RFC 2231, empty without
};

/// A value with parameters: Content-Type, Content-Disposition (RFC 2045 s. 5.1, RFC 2183, RFC 2231).
struct ParameterizedValue {
  std::string value;  ///< "text/plain", "attachment": lower case, without blanks and comments
  std::vector<Parameter> parameters;
  Repairs repairs;
  /// The first of that name (lower case); nullptr without.
  const Parameter* find(std::string_view name) const;
};
struct ParameterLimits {
  std::size_t parameters = 100;  ///< more are dropped, and told
  std::size_t pieces = 1000;     ///< of all parameters together
};

/// Reads it: quoted strings, comments, continuations (name*0, name*1*), charset'language'percent; and what is
/// found beside: encoded words in quotes or without, raw 8-bit values (guessed), blanks around "=", values
/// with spaces that nobody quoted, missing quotes, missing semicolons, pieces out of order, backslashes of
/// file paths. Where a name comes plain and as RFC 2231, RFC 2231 counts. Never fails. O(size).
ParameterizedValue decode_parameters(std::string_view field_value, const ParameterLimits& limits = {});

enum class ParameterStyle : unsigned char {
  rfc2231,      ///< the standard alone
  rfc2047_too,  ///< for "name" and "filename": besides, the encoded word in quotes that old readers want
};
struct ParameterEncoding {
  Charset charset = kUtf8;
  ParameterStyle style = ParameterStyle::rfc2231;
  std::string language{};
  std::size_t line = 76;
};
/// Appends "; name=value" to a field, folded where the line would get too long: a token, a quoted string, or
/// RFC 2231 in pieces none of which splits a character. `field` is all of the field so far, from its name on.
void put_parameter(std::string& field, std::string_view name, std::string_view utf8,
                   const ParameterEncoding& how = {});

}  // namespace hikyaku::mime
