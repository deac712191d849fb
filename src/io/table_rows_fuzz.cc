// Any octets are read to their end: rows come in order, and damages lie within the file. Without its last
// octets it is read again, from block to block.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "io/table_rows.h"

namespace {

void read_all(std::string_view file) {
  hikyaku::io::TableRows rows(file);
  std::string last;
  std::uint64_t sequence = 0;
  bool any = false;
  while (const auto row = rows.next()) {
    if (any && (row->key < last || (row->key == last && row->sequence >= sequence))) std::abort();
    last = row->key;
    sequence = row->sequence;
    any = true;
  }
  for (const auto& damage : rows.damages()) {
    if (damage.offset > damage.end) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view file(reinterpret_cast<const char*>(data), size);
  read_all(file);
  if (!file.empty()) read_all(file.substr(0, file.size() - 1));
  return 0;
}
