#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

struct psl_ctx_st;

namespace hikyaku::io {

/// Under which domains people register theirs (publicsuffix.org), by libpsl: the system's list, or the one
/// that the library brought. Thread-safe.
class PublicSuffixes {
 public:
  /// Blocks. Fails where the library has no list at all.
  static Result<std::unique_ptr<PublicSuffixes>> open();
  ~PublicSuffixes();
  PublicSuffixes(const PublicSuffixes&) = delete;
  PublicSuffixes& operator=(const PublicSuffixes&) = delete;

  /// "a.example" of "mx1.eu.a.example"; empty: the name is a suffix itself, or none. In lower case.
  std::string registered_domain(std::string_view name) const;

 private:
  explicit PublicSuffixes(psl_ctx_st* list) : list_(list) {}
  psl_ctx_st* list_;
};

}  // namespace hikyaku::io
