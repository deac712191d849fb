#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "greylist/tuple.h"
#include "greylist/tuple_rows.h"

// A stored row that may be damaged: what is read is written and read again as it was.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hikyaku::greylist;
  const std::string_view row(reinterpret_cast<const char*>(data), size);
  if (const auto key = TupleTimeKey::parse(row); key && key->key() != row) std::abort();
  const auto entry = decode_tuple(row);
  if (!entry) return 0;
  const auto again = decode_tuple(encode(*entry));
  if (!again || *again != *entry) std::abort();
  if (const auto tuple = entry->tuple({24, 64}); tuple && tuple->client.text().empty()) std::abort();
  return 0;
}
