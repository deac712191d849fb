// Values of hikyaku_mailbox_expire_maps: what reads is written again by its clauses and reads the same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "policy/retention.h"

using hikyaku::policy::RetentionRule;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto rule = RetentionRule::parse({reinterpret_cast<const char*>(data), size});
  if (!rule || !rule->removals || rule->removals->empty()) return 0;
  std::string text;
  for (const auto& one : *rule->removals) text += (text.empty() ? "" : ",") + one.text;
  const auto again = RetentionRule::parse(text);
  if (!again || again->removals != rule->removals) std::abort();
  return 0;
}
