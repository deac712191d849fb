#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "mime/parameter.h"
#include "mime/repair.h"

namespace hikyaku::mime {

/// One "name=value" as it stands: "filename*1*=..." is name "filename", number 1, extended.
struct ParameterPiece {
  std::string name;  ///< lower case
  std::size_t number = 0;
  bool numbered = false;
  bool extended = false;  ///< percent-encoded (RFC 2231 s. 4)
  std::string octets;     ///< without quotes
  std::size_t where = 0;  ///< of its name in the field's value
};
struct ScannedParameters {
  std::string value;  ///< before the first ";"
  std::vector<ParameterPiece> pieces;
};
/// Reads the syntax alone: quotes, comments, folds, blanks. At most `limits.pieces`. O(size).
ScannedParameters scan_parameters(std::string_view field_value, const ParameterLimits& limits,
                                  Repairs& repairs);

}  // namespace hikyaku::mime
