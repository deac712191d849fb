#pragma once
#include <regex.h>

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hikyaku::table {

/// POSIX extended regular expressions, leftmost longest, as regexp_table(5) uses them.
class PosixEngine {
 public:
  static constexpr bool kSecondPattern = true;  ///< "/a/!/b/ result": a matches and b does not
  static constexpr const char* kType = "regexp";

  /// Flags toggle what is on by default: i (on), x (on: extended), m (off: lines).
  struct Flags {
    int options = REG_EXTENDED | REG_ICASE;
    enum class Taken : unsigned char { yes, ignored, unknown };
    Taken take(char flag);
  };
  enum class Outcome : unsigned char { match, no_match, failed };

  /// One lookup's subject, and where the groups of a match are kept.
  class Scratch {
   public:
    Scratch(std::string_view subject, unsigned groups)
        : subject_(subject), many_(groups + 1 > few_.size() ? groups + 1 : 0) {}
    std::string_view group(unsigned number) const;
    const std::string& why() const { return why_; }

   private:
    friend class PosixEngine;
    regmatch_t* spans() { return many_.empty() ? few_.data() : many_.data(); }
    const regmatch_t* spans() const { return many_.empty() ? few_.data() : many_.data(); }
    std::string subject_;  // a copy, for regexec() wants a NUL at its end
    std::array<regmatch_t, 10> few_;
    std::vector<regmatch_t> many_;
    std::string why_;
  };

  /// `groups`: how many of its groups the result uses; 0 makes matching faster.
  static Result<PosixEngine> compile(std::string_view pattern, Flags flags, unsigned groups);
  unsigned groups() const { return static_cast<unsigned>(compiled_->re_nsub); }
  Outcome match(unsigned groups, Scratch& scratch) const;

 private:
  struct Free {
    void operator()(regex_t* compiled) const {
      regfree(compiled);
      delete compiled;
    }
  };
  std::unique_ptr<regex_t, Free> compiled_;
};

}  // namespace hikyaku::table
