#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "table/ruby_pattern.h"

// The first octet is the options, then the pattern up to a NUL, then what it is matched with. A match lies
// within its subject.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0 || size > 4096) return 0;
  const std::string_view all(reinterpret_cast<const char*>(data + 1), size - 1);
  const auto end = all.find('\0');
  const auto pattern = hikyaku::table::RubyPattern::compile(
      all.substr(0, end),
      {.ignore_case = (data[0] & 1) != 0, .dot_newline = (data[0] & 2) != 0, .extended = (data[0] & 4) != 0});
  if (!pattern || end == std::string_view::npos) return 0;
  const auto subject = all.substr(end + 1);
  const auto groups = pattern->match(subject);
  if (!groups || !*groups) return 0;
  for (const auto& group : **groups)
    if (group && group->second > subject.size()) std::abort();
  return 0;
}
