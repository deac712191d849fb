#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hikyaku::io {

/// What a table keeps of a large value: where it stands in RocksDB's file of such (.blob).
struct LargeValueReference {
  std::uint64_t file = 0;  ///< the number in its name
  std::uint64_t offset = 0, octets = 0;
  /// nullopt: it is none, or of a form that this program never writes.
  static std::optional<LargeValueReference> parse(std::string_view stored);
};

/// The value in `file`, a view of it. Fault::corrupt: the record around it is not whole, or of another key.
Result<std::string_view> large_value(std::string_view file, std::string_view key,
                                     const LargeValueReference& reference);

/// Hands out all intact records from the begin on, past those whose value or key is damaged. It ends at one
/// whose lengths are: behind that nobody can tell records from what only looks like one. Pure; O(size).
void each_large_value(std::string_view file,
                      const std::function<void(std::string_view key, std::string_view value)>& each);

/// "000123.blob"
std::string large_values_name(std::uint64_t number);

}  // namespace hikyaku::io
