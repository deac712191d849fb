#pragma once
#include "rewrite/local_aliases.h"

namespace hikyaku::serve {

/// The files that ":include:/file" names. A file that is not there is Fault::not_found: a mistake, as in
/// local(8); one that is larger than the limit is Fault::permanent.
class LocalIncludeFiles final : public rewrite::IncludeFiles {
 public:
  Result<std::string> read(std::string_view path, std::size_t limit) const override;
};

}  // namespace hikyaku::serve
