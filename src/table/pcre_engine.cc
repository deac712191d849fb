#include "table/pcre_engine.h"

#include <array>

namespace hikyaku::table {
namespace {

std::string error_text(int code) {
  std::array<PCRE2_UCHAR, 256> text{};
  pcre2_get_error_message(code, text.data(), text.size());
  return reinterpret_cast<const char*>(text.data());
}

PCRE2_SPTR octets(std::string_view text) {
  return reinterpret_cast<PCRE2_SPTR>(text.empty() ? "" : text.data());
}

bool is_bad_utf(int code) { return code <= PCRE2_ERROR_UTF8_ERR1 && code >= PCRE2_ERROR_UTF8_ERR21; }

}  // namespace

PcreEngine::Flags::Taken PcreEngine::Flags::take(char flag) {
  switch (flag) {
    case 'i':
      options ^= PCRE2_CASELESS;
      return Taken::yes;
    case 'm':
      options ^= PCRE2_MULTILINE;
      return Taken::yes;
    case 's':
      options ^= PCRE2_DOTALL;
      return Taken::yes;
    case 'x':
      options ^= PCRE2_EXTENDED;
      return Taken::yes;
    case 'A':
      options ^= PCRE2_ANCHORED;
      return Taken::yes;
    case 'E':
      options ^= PCRE2_DOLLAR_ENDONLY;
      return Taken::yes;
    case 'U':
      options ^= PCRE2_UNGREEDY;
      return Taken::yes;
    case 'X':
      return Taken::ignored;  // strict escapes are all that PCRE2 knows
    default:
      return Taken::unknown;
  }
}

std::string_view PcreEngine::Scratch::group(unsigned number) const {
  if (number >= pcre2_get_ovector_count(data_.get())) return {};
  const PCRE2_SIZE* spans = pcre2_get_ovector_pointer(data_.get());
  const PCRE2_SIZE begin = spans[2 * number];
  const PCRE2_SIZE end = spans[2 * number + 1];
  // \K in a lookahead can make a span end before it begins.
  if (begin == PCRE2_UNSET || end < begin) return {};
  return subject_.substr(begin, end - begin);
}

Result<PcreEngine> PcreEngine::compile(std::string_view pattern, Flags flags, unsigned /*groups*/) {
  int code = 0;
  PCRE2_SIZE offset = 0;
  PcreEngine engine;
  engine.code_.reset(pcre2_compile(octets(pattern), pattern.size(), flags.options, &code, &offset, nullptr));
  if (!engine.code_) {
    return fail(Fault::malformed,
                error_text(code) + " at character " + std::to_string(offset) + " of the pattern");
  }
  // Where memory may not be made executable there is no machine code; then the pattern is interpreted.
  static_cast<void>(pcre2_jit_compile(engine.code_.get(), PCRE2_JIT_COMPLETE));
  return engine;
}

unsigned PcreEngine::groups() const {
  std::uint32_t count = 0;
  pcre2_pattern_info(code_.get(), PCRE2_INFO_CAPTURECOUNT, &count);
  return count;
}

PcreEngine::Outcome PcreEngine::match(unsigned /*groups*/, Scratch& scratch) const {
  const auto subject = scratch.subject_;
  auto* data = scratch.data_.get();
  int code = pcre2_match(code_.get(), octets(subject), subject.size(), 0, 0, data, nullptr);
  if (code == PCRE2_ERROR_JIT_STACKLIMIT) {
    code = pcre2_match(code_.get(), octets(subject), subject.size(), 0, PCRE2_NO_JIT, data, nullptr);
  }
  if (code >= 0) return Outcome::match;  // 0: more groups than the result uses
  // A pattern that begins with (*UTF) has no match in a text that is not UTF-8.
  if (code == PCRE2_ERROR_NOMATCH || is_bad_utf(code)) return Outcome::no_match;
  scratch.why_ = error_text(code);
  return Outcome::failed;
}

}  // namespace hikyaku::table
