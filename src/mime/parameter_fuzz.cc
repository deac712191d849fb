#include "mime/parameter.h"

#include <cstdint>
#include <cstdlib>

// What is read can be written, and is read from there as the same, without repairs.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hikyaku::mime;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto decoded = decode_parameters(text);
  for (const auto& repair : decoded.repairs.list) {
    if (repair.where > size || repair.what.empty()) std::abort();
  }
  for (const auto style : {ParameterStyle::rfc2231, ParameterStyle::rfc2047_too}) {
    for (const auto& one : decoded.parameters) {
      std::string field = "attachment";
      put_parameter(field, "filename", one.value, {kUtf8, style, {}});
      const auto again = decode_parameters(field);
      if (again.parameters.size() != 1 || again.parameters.front().value != one.value) std::abort();
      if (!again.repairs.empty()) std::abort();
    }
  }
  return 0;
}
