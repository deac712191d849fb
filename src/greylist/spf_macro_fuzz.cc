// Macro-strings of anybody's records: what is checked expands, and stays within its limits.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "greylist/spf_macro.h"

using namespace hikyaku::greylist;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  // A sender's own octets are among what comes out.
  const SpfMacroValues values{.local_part = text.substr(0, 64),
                              .sender_domain = "mail.example",
                              .domain = "spf.example",
                              .client = hikyaku::table::Ip::parse("2001:db8::1").value(),
                              .helo = text.substr(text.size() / 2, 255),
                              .validated = "unknown"};
  const bool of_term = check_spf_macros(text, SpfMacroUse::term).has_value();
  const bool of_explanation = check_spf_macros(text, SpfMacroUse::explanation).has_value();
  require(!of_term || of_explanation);
  if (check_spf_domain(text)) {
    require(of_term);
    const auto name = expand_spf_domain(text, values);
    require(name.size() <= 253);
    // The validated name is asked for where it is needed, and only there.
    auto other = values;
    other.validated = "host.example";
    require(uses_spf_macro(text, 'p') || expand_spf_domain(text, other) == name);
  }
  const auto words = expand_spf_explanation(text, values);
  require(words.size() <= kLongestExplanation);
  require(std::all_of(words.begin(), words.end(), [](char c) { return c >= 0x20 && c <= 0x7e; }));
  return 0;
}
