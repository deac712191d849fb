#pragma once
#ifndef PCRE2_CODE_UNIT_WIDTH
#define PCRE2_CODE_UNIT_WIDTH 8
#endif
#include <pcre2.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace hikyaku::table {

/// A regular expression as Ruby writes it, matched by PCRE2: ^ and $ hold at every line, \h is a hexadecimal
/// digit, '.' matches a newline only with the option m. Octets, not characters. A match is given up after
/// 1,000,000 steps, so that no pattern can hold anything up. Immutable, cheap to copy, thread-safe.
class RubyPattern {
 public:
  struct Options {
    bool ignore_case = false;  ///< i
    bool dot_newline = false;  ///< m
    bool extended = false;     ///< x
    bool operator==(const Options&) const = default;
  };
  /// Where a group matched, offsets from the subject's begin; nullopt: the group took no part.
  using Groups = std::vector<std::optional<std::pair<std::size_t, std::size_t>>>;

  /// Patterns of up to 64 KiB. Fails with Fault::malformed, naming the octet.
  static Result<RubyPattern> compile(std::string_view source, Options options);
  /// The first match at or behind `offset`: [0] is the whole, then the groups. nullopt: none. Fails with
  /// Fault::permanent where the match was given up.
  Result<std::optional<Groups>> match(std::string_view subject, std::size_t offset = 0) const;
  /// The groups' names with their numbers.
  std::vector<std::pair<std::string, unsigned>> names() const;

  const std::string& source() const { return source_; }
  Options options() const { return options_; }
  /// "/\.example\.org\z/i"
  std::string text() const;

 private:
  RubyPattern() = default;
  std::string source_;
  Options options_;
  std::shared_ptr<const pcre2_code> code_;
};

}  // namespace hikyaku::table
