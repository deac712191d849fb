#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace rocksdb {
class DB;
class Iterator;
}  // namespace rocksdb

namespace hikyaku::io {

/// What logs hold of each key in the end, sorted: in a database of its own, for it may not fit in memory. It
/// is for one run alone and never synced. Not thread-safe.
class LogRows {
 public:
  /// `folder` is made anew: what an earlier run left there is taken away. Fault::temporary: another run has
  /// it.
  static Result<LogRows> make(const std::filesystem::path& folder);
  LogRows(LogRows&& other) noexcept;
  LogRows& operator=(LogRows&&) = delete;
  /// Removes the folder.
  ~LogRows();

  /// Over what was added of the same key. nullopt: the key is removed. A failure is told by end().
  void add(unsigned space, std::string_view key, std::optional<std::string_view> value,
           std::uint64_t sequence);
  /// The same, but not over a row with a higher sequence number.
  void add_unless_newer(unsigned space, std::string_view key, std::optional<std::string_view> value,
                        std::uint64_t sequence);
  Result<void> end() const;

  struct Row {
    std::string_view key;
    std::optional<std::string_view> value;  ///< nullopt: removed
    std::uint64_t sequence = 0;
  };
  /// The value of a key; nullopt: none, or removed.
  Result<std::optional<std::string>> get(unsigned space, std::string_view key) const;
  /// Rows of a space in order of their keys; of those alone that begin with a prefix. Lives no longer than
  /// what it is of, and a Row until the next call.
  class Cursor {
   public:
    Cursor(Cursor&&) noexcept;
    ~Cursor();
    std::optional<Row> next();
    /// After the last row: whether all were read.
    Result<void> end() const;

   private:
    friend class LogRows;
    Cursor(const LogRows& rows, std::string prefix);
    std::string prefix_, folder_;
    std::unique_ptr<rocksdb::Iterator> at_;
    bool any_ = false;
  };
  Cursor of(unsigned space, std::string_view prefix = {}) const;

 private:
  LogRows();
  std::filesystem::path folder_;
  std::unique_ptr<rocksdb::DB> db_;
  std::optional<Error> failure_;
  std::string key_, value_;
};

}  // namespace hikyaku::io
