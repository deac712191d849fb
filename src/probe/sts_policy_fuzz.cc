#include <cstdint>
#include <string_view>

#include "probe/sts_policy.h"
#include "probe/tlsa.h"

// Nothing that somebody serves as a policy, or as a TLSA record, harms.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto policy = hikyaku::probe::StsPolicy::parse(text);
  if (policy) (void)policy->names("mx.example.com");
  (void)hikyaku::probe::sts_identifier({std::string(text)});
  if (const auto record = hikyaku::probe::Tlsa::parse(text)) (void)record->text();
  return 0;
}
