#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "table/contents.h"

namespace hikyaku::table {

/// Keys and values compared as strings, without regard to case: hash:, btree:, texthash:, inline:. All keys
/// and values stand in one buffer, found through one open-addressing index: a mark of one octet a slot, which
/// answers most lookups of what is not there and stays in the cache, and 8 octets a slot. At most 4 GiB.
class FixedContents final : public Contents {
 public:
  explicit FixedContents(std::uint32_t file) : file_(file) {}

  enum class Added : unsigned char { added, duplicate, not_utf8, full };
  /// Adds a row; the first of several with one key stays. Not after publishing.
  Added add(std::string_view key, std::string_view value, std::uint32_t line);
  /// A hint at what will come: keys and values of `octets` in `rows` rows. Spares growing step by step.
  void reserve(std::size_t octets, std::size_t rows);

  Answer find(std::string_view key) const override;
  Table::Kind kind() const override { return Table::Kind::fixed; }
  void visit(const std::function<void(const Row&)>& row) const override;

  std::size_t size() const { return size_; }
  /// How many rows were not added because their key was there.
  std::size_t duplicates() const { return duplicates_; }
  /// The row of a key that is already folded; false when there is none.
  bool row_of(std::string_view folded, Row& row) const;

 private:
  struct Slot {
    std::uint32_t tag = 0;     // upper bits of the hash
    std::uint32_t offset = 0;  // of the record, plus 1; 0: free
  };
  void grow(std::size_t slots);
  Row read(std::uint32_t offset) const;
  std::size_t slot_of(std::string_view folded, std::uint64_t hash) const;

  std::uint32_t file_;
  std::string rows_;                  // records: key size, value size, line (4 octets each), key, value
  std::vector<unsigned char> marks_;  // as slots_: 0 for a free one, else some bits of the hash
  std::vector<Slot> slots_;
  std::size_t size_ = 0;
  std::size_t duplicates_ = 0;
};

/// Reads the source of a hash:, btree: or texthash: table as postmap(1) does: "key white-space value"; the
/// key ends at the first white space that is neither within double quotes nor behind a backslash; white space
/// around the value is dropped. `contents` is a FixedContents. Left out with an error: lines without value,
/// with an odd quote, not in UTF-8, or that continue nothing. A key that is already there: the first stays,
/// with a warning. `file` is the number of the file for origins. Pure; O(size).
Loaded load_fixed(std::string_view text, std::uint32_t file);

/// Reads a text in the form of aliases(5) as postalias(1) does: "name: value", the name perhaps within double
/// quotes, white space before the colon allowed. A line without such a colon is read as load_fixed() reads
/// it. Otherwise the same.
Loaded load_aliases(std::string_view text, std::uint32_t file);

}  // namespace hikyaku::table
