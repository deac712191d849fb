#include <cstdint>
#include <cstdlib>

#include "greylist/check_answer.h"
#include "greylist/reply_code.h"

// What a URL answers: no text makes a rule say what it may not say itself, and without a line that matches
// there is nothing of it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hikyaku::greylist;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto answer = read_url_answer(text, true);
  const auto& values = answer.overrides.values;
  const auto check = [](bool holds) {
    if (!holds) std::abort();
  };
  check(answer.answered);
  check(answer.matched || (answer.properties.empty() && answer.overrides == RuleOverride()));
  check(!values.code || is_reply_code(*values.code));
  check(!values.ecode || is_enhanced_code(*values.ecode));
  check(!values.delay || values.delay->count() >= 0);
  check(!values.autowhite || values.autowhite->count() >= 0);
  for (const auto& [name, value] : answer.properties) {
    check(!name.empty() && !value.empty());
    check(value.find('\n') == std::string::npos);
  }
  return 0;
}
