#include "io/public_suffixes.h"

#include <libpsl.h>

#include "base/hostname.h"
#include "table/fold.h"

namespace hikyaku::io {

Result<std::unique_ptr<PublicSuffixes>> PublicSuffixes::open() {
  auto* list = psl_latest(nullptr);
  if (list == nullptr)
    return fail(Fault::permanent,
                "read the list of public suffixes: libpsl has none (the Debian package publicsuffix has)");
  return std::unique_ptr<PublicSuffixes>(new PublicSuffixes(list));
}

PublicSuffixes::~PublicSuffixes() { psl_free(list_); }

std::string PublicSuffixes::registered_domain(std::string_view name) const {
  if (!is_hostname(name)) return {};
  const auto folded = table::ascii_lower(name);
  const auto* found = psl_registrable_domain(list_, folded.c_str());
  return found == nullptr ? std::string() : std::string(found);
}

}  // namespace hikyaku::io
