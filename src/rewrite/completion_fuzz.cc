#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "rewrite/completion.h"

// A plain full address is never changed, by the long way either; nothing crashes.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using hikyaku::rewrite::Completion;
  hikyaku::rewrite::CompletionSettings settings;
  settings.myorigin.text = "hub.test";
  settings.mydomain.text = "test";
  settings.append_dot_mydomain.on = true;
  const Completion completion(settings);
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto full = completion.external(text, Completion::Context::local);
  if (hikyaku::rewrite::is_plain_full_address(text) && full != text) std::abort();
  if (const auto address = hikyaku::mail::Address::from_internal(text)) {
    (void)completion.address(*address, Completion::Context::remote);
  }
  return 0;
}
