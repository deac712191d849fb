#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/table_block.h"

namespace hikyaku::io {

/// A row of a table, as it is stored: also one that removes, or that a newer one replaces.
struct TableRow {
  enum class Kind : unsigned char { value, large_value, removal };
  std::string_view key;
  std::uint64_t sequence = 0;  ///< 0: nothing older was left when it was written
  Kind kind = Kind::value;
  std::string_view value;  ///< of a large value: a LargeValueReference
};

/// A stretch of a table whose rows can't be read.
struct TableDamage {
  std::uint64_t offset = 0, end = 0;
  std::string reason;
  /// Its rows are behind the one and before or at the other; empty: not known, up to the end of the table.
  std::string after, until;
};

/// What a table says of itself; empty or 0 where that is damaged.
struct TableFacts {
  std::uint32_t family = 0;  ///< the number of its column family
  std::string space;         ///< the name of it
  std::string database;      ///< the identity of the database that wrote it
  std::uint64_t octets = 0;  ///< of all blocks of rows, from the file's begin
  bool whole_keys = true;    ///< the keys in the index have no sequence numbers
};

/// Reads a table file that may be damaged anywhere, and goes on past each damage. A damaged index is replaced
/// by going from block to block by their checksums. What only looks like a block, inside of a mail that was
/// sent for the purpose, is not taken: behind a damage without an index only a chain of intact blocks counts
/// that reaches exactly to where the blocks end. Memory: the index, and a block. Keeps a view of the file.
class TableRows {
 public:
  explicit TableRows(std::string_view file);
  const TableFacts& facts() const { return facts_; }
  /// The next row, by key, and of one key the newest first; the views are valid until the next call.
  std::optional<TableRow> next();
  /// Damages that hide rows, so far: all of them after the last next().
  const std::vector<TableDamage>& damages() const { return damages_; }
  /// What else is damaged, without any row being in it.
  const std::vector<std::string>& faults() const { return faults_; }

 private:
  void read_ends();
  void read_facts(std::string_view properties);
  void use_chain();
  std::vector<table_format::BlockHandle> whole_chain(std::uint64_t limit) const;
  bool load_block();
  void damaged(const table_format::BlockHandle& block, std::string reason, std::string until);
  std::string user_key(const std::string& index_key) const;

  std::string_view file_;
  TableFacts facts_;
  std::vector<table_format::IndexEntry> blocks_;  // keys are empty without an index
  std::vector<TableDamage> damages_;
  std::vector<std::string> faults_;
  std::size_t next_block_ = 0;
  std::string block_;
  std::optional<table_format::BlockEntries> entries_;
  std::string last_key_;
  std::uint64_t last_sequence_ = 0;
  bool any_ = false;
};

}  // namespace hikyaku::io
