#include "probe/script.h"

#include <cstdint>

// Any text is a script or is refused with its line; what is one has its lines in order and can be matched
// with.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hikyaku::probe;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto script = Script::parse(text);
  if (!script) {
    if (!script.error().text.starts_with("line ") && size <= Script::kLongest &&
        script.error().text.find("10000 steps") == std::string::npos)
      __builtin_trap();
    return 0;
  }
  int last = 0;
  for (const auto& step : script->steps()) {
    if (step.line <= last) __builtin_trap();
    last = step.line;
    ScriptValues captured;
    (void)step.pattern.matches(text.substr(0, 200), {}, captured);
    std::size_t secret_from = 0;
    (void)step.text.filled({}, secret_from);
  }
  return 0;
}
