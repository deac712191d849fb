#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>

#include "config/expand.h"

namespace {

using hikyaku::config::Diagnostics;
using hikyaku::config::Names;
using hikyaku::config::SourceText;

class Values : public Names {
 public:
  std::map<std::string, SourceText, std::less<>> values;
  const SourceText* find(std::string_view name) const override {
    const auto found = values.find(name);
    return found == values.end() ? nullptr : &found->second;
  }
};

}  // namespace

// Each line is name=value. No text brings expand() down, and an expanded value whose dollar signs are doubled
// expands to itself.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  Values names;
  for (std::uint32_t line = 1; !text.empty(); ++line) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto equals = std::min(text.find('='), end);
    SourceText value;
    value.append(text.substr(equals, end - equals), {.origin = {1, line}, .column = 1});
    names.values.insert_or_assign(std::string(text.substr(0, equals)), value);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  Diagnostics diagnostics;
  for (const auto& [name, raw] : names.values) {
    const auto result = hikyaku::config::expand(name, raw, names, diagnostics);
    if (!result) continue;
    std::string doubled;
    for (const char c : result->text()) doubled += c == '$' ? "$$" : std::string(1, c);
    const auto again = hikyaku::config::expand(name, SourceText(doubled), names, diagnostics);
    if (doubled.size() < hikyaku::config::kLongestValue && (!again || again->text() != result->text()))
      std::abort();
    for (std::size_t at = 0; at < result->text().size(); at += 7) (void)result->place(at);
  }
  return 0;
}
