#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hikyaku::io::table_format {

/// RocksDB's tables (.sst, block-based) as io/rocks_options.cc has them written: format 5, blocks with an
/// XXH3 checksum, each LZ4 or uncompressed. A block is its contents, the type of its compression in one
/// octet, and the checksum of both in four. All of this file is pure, and bounded by the file that it is
/// given.
inline constexpr std::size_t kTrailer = 5;
inline constexpr std::size_t kFooter = 53;

/// Where the contents of a block stand in a file.
struct BlockHandle {
  std::uint64_t offset = 0, size = 0;
  std::uint64_t end() const { return offset + size + kTrailer; }  ///< of its trailer
  bool operator==(const BlockHandle&) const = default;
};
std::optional<BlockHandle> take_handle(std::string_view& in);

/// The last kFooter octets of a table. Fault::corrupt: it is none, or of another form.
struct Footer {
  BlockHandle metaindex, index;
  static Result<Footer> parse(std::string_view file);
};

/// The contents of a block, uncompressed. Fault::corrupt: it lies outside of the file, or its checksum is
/// wrong.
Result<std::string> read_block(std::string_view file, const BlockHandle& handle);

/// The shortest block that begins at `begin`, ends at `end` or before, and whose contents have at most `most`
/// octets: by its checksum alone, for when it is not known how long it is. O(most).
std::optional<BlockHandle> find_block(std::string_view file, std::uint64_t begin, std::uint64_t end,
                                      std::uint64_t most);

/// The entries of a block's contents in their order; keys are stored as what they differ in from the one
/// before. Views live as long as this and the contents.
class BlockEntries {
 public:
  explicit BlockEntries(std::string_view block);
  /// Goes to the first entry, then to the next. False: there is none.
  bool next();
  std::string_view key() const { return key_; }
  std::string_view value() const { return value_; }
  /// False: it is no block, or damaged; next() has ended there.
  bool good() const { return good_; }

 private:
  std::string_view rest_;
  std::string key_;
  std::string_view value_;
  bool good_ = true;
};

/// A block of rows, and a key that is not less than its last and less than those of the next.
struct IndexEntry {
  std::string key;
  BlockHandle block;
};
/// The contents of a table's index; Fault::corrupt when it is none: the blocks that it names follow each
/// other from the file's begin.
Result<std::vector<IndexEntry>> parse_index(std::string_view contents);

}  // namespace hikyaku::io::table_format
