#include "io/key_sizes.h"

#include <rocksdb/db.h>
#include <rocksdb/snapshot.h>
#include <rocksdb/utilities/debug.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>

#include "io/large_values.h"
#include "io/rocks_status.h"

namespace hikyaku::io {
namespace {

constexpr std::size_t kVersionsAtOnce = 512;  // those in memory come with their values

rocksdb::Slice slice(std::string_view octets) { return {octets.data(), octets.size()}; }

/// What the engine calls the kinds of rows; they stand so in its files.
enum Kind : int { kDeletion = 0x0, kValue = 0x1, kSingleDeletion = 0x7, kLargeValue = 0x11 };

/// nullopt: the row is removed.
Result<std::optional<std::uint64_t>> size_of(const rocksdb::KeyVersion& row) {
  switch (row.type) {
    case kDeletion:
    case kSingleDeletion:
      return std::nullopt;
    case kValue:
      return row.value.size();
    case kLargeValue:
      if (const auto reference = LargeValueReference::parse(row.value)) return reference->octets;
      return fail(Fault::corrupt, "what tables keep of large values is of another form");
    default:
      return fail(Fault::corrupt, "a row is of the unknown kind " + std::to_string(row.type));
  }
}

/// The engine hands out versions until it can read no more, without a word of why it ended: only where its
/// iterator finds no row either was it the end. `before`: what was written since is none of it.
Result<void> check_end(rocksdb::DB& db, rocksdb::ColumnFamilyHandle& family, const rocksdb::Snapshot* before,
                       const std::string& from, std::string_view to) {
  rocksdb::ReadOptions how;
  how.snapshot = before;
  const auto end = slice(to);
  if (!to.empty()) how.iterate_upper_bound = &end;
  const std::unique_ptr<rocksdb::Iterator> at(db.NewIterator(how, &family));
  at->Seek(slice(from));
  if (!at->status().ok()) return failure("list keys", at->status());
  if (at->Valid()) return fail(Fault::corrupt, "list keys: the engine ended before the last one");
  return {};
}

}  // namespace

Result<std::vector<Kv::KeySize>> key_sizes(rocksdb::DB& db, rocksdb::ColumnFamilyHandle& family,
                                           std::string_view from, std::string_view to, std::size_t limit) {
  std::vector<Kv::KeySize> sizes;
  rocksdb::ManagedSnapshot before(&db);
  std::vector<rocksdb::KeyVersion> versions;  // by key, and of one key the newest first
  for (std::string begin(from);;) {
    const auto status =
        rocksdb::GetAllKeyVersions(&db, &family, slice(begin), slice(to), kVersionsAtOnce, &versions);
    if (!status.ok()) return failure("list keys", status);
    const std::string* last = nullptr;
    for (const auto& row : versions) {
      if (!to.empty() && row.user_key >= to) break;  // the engine's range has its end within
      if (last != nullptr && row.user_key == *last) continue;
      last = &row.user_key;
      const auto size = size_of(row);
      if (!size) return std::unexpected(size.error());
      if (!*size) continue;
      sizes.emplace_back(row.user_key, **size);
      if (sizes.size() == limit) return sizes;
    }
    // Older versions of the last key are passed over.
    if (last != nullptr) begin = *last + '\0';
    if (versions.size() == kVersionsAtOnce && last != nullptr) continue;
    if (auto ended = check_end(db, family, before.snapshot(), begin, to); !ended)
      return std::unexpected(ended.error());
    return sizes;
  }
}

}  // namespace hikyaku::io
