#include "probe/send_arguments.h"

#include <cstdint>

// Any file of options is read or refused; what is read are options that there are, with values where one is
// needed and can't be asked for.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hikyaku::probe;
  SendArguments arguments;
  if (!arguments.add_file({reinterpret_cast<const char*>(data), size})) return 0;
  for (const auto& given : arguments.all()) {
    if (given.option == nullptr || !given.option->refused.empty()) __builtin_trap();
    if (!given.value && given.option->takes == SendOption::Takes::value && given.option->prompt.empty())
      __builtin_trap();
  }
  return 0;
}
