#pragma once
#ifndef PCRE2_CODE_UNIT_WIDTH
#define PCRE2_CODE_UNIT_WIDTH 8
#endif
#include <pcre2.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hikyaku::table {

/// Perl-compatible regular expressions, compiled to machine code where the system lets us, as pcre_table(5)
/// uses them.
class PcreEngine {
 public:
  static constexpr bool kSecondPattern = false;
  static constexpr const char* kType = "pcre";

  /// Flags toggle what is on by default: i (on), s (on: '.' matches newlines), m x A E U (off). X is
  /// obsolete.
  struct Flags {
    std::uint32_t options = PCRE2_CASELESS | PCRE2_DOTALL;
    enum class Taken : unsigned char { yes, ignored, unknown };
    Taken take(char flag);
  };
  enum class Outcome : unsigned char { match, no_match, failed };

  class Scratch {
   public:
    /// `subject` must outlive it.
    Scratch(std::string_view subject, unsigned groups)
        : subject_(subject), data_(pcre2_match_data_create(groups + 1, nullptr)) {}
    std::string_view group(unsigned number) const;
    const std::string& why() const { return why_; }

   private:
    friend class PcreEngine;
    struct Free {
      void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
    };
    std::string_view subject_;
    std::unique_ptr<pcre2_match_data, Free> data_;
    std::string why_;
  };

  static Result<PcreEngine> compile(std::string_view pattern, Flags flags, unsigned groups);
  unsigned groups() const;
  Outcome match(unsigned groups, Scratch& scratch) const;

 private:
  struct Free {
    void operator()(pcre2_code* code) const { pcre2_code_free(code); }
  };
  std::unique_ptr<pcre2_code, Free> code_;
};

}  // namespace hikyaku::table
