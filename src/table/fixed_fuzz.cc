#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "table/fixed_contents.h"

// The first line is the key, the rest the table. No text breaks the reader, lookups always answer, and what a
// table says of itself lies in it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hikyaku::table;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto key = input.substr(0, input.find('\n'));
  const auto text = input.substr(key.size() < input.size() ? key.size() + 1 : key.size());
  const auto loaded = load_fixed(text, 1);
  static_cast<void>(loaded.contents->find(key));
  std::size_t rows = 0;
  loaded.contents->visit([&](const Row& row) {
    ++rows;
    if (row.origin.line == 0) std::abort();
    const auto answer = loaded.contents->find(row.key);
    if (!answer || !*answer || (*answer)->value != row.value || (*answer)->origin != row.origin) std::abort();
  });
  if (rows > size) std::abort();
  return 0;
}
