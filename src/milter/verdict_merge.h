#pragma once
#include <cstddef>
#include <optional>

#include "milter/client_session.h"

namespace hikyaku::milter {

/// What a child adds to the answer that many of them give together, the strongest last.
enum class Strength : unsigned char {
  none,  ///< it has no say, or none any more
  accept,
  skip,
  go_on,
  tempfail,  ///< 4xx
  shutdown,  ///< 421
  reject,    ///< 5xx
  discard,
};
/// go_on for a quarantine, which is an edit.
Strength strength(const ClientSession::Verdict& verdict);
/// The message, or what it was said to, is not taken as it is.
constexpr bool refuses(Strength strength) { return strength >= Strength::tempfail; }

/// The strongest of what was added; the first among equals.
class VerdictMerge {
 public:
  void add(Strength strength, const ClientSession::Verdict& verdict, std::size_t child);
  Strength strength() const { return strength_; }
  const ClientSession::Verdict& verdict() const { return verdict_; }  ///< go_on where nothing was added
  std::optional<std::size_t> child() const { return child_; }         ///< whose it is

 private:
  Strength strength_ = Strength::none;
  ClientSession::Verdict verdict_;
  std::optional<std::size_t> child_;
};

}  // namespace hikyaku::milter
