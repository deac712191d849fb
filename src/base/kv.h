#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace hikyaku {

/// A durable, ordered map of octet strings in several named spaces: the port that the queue and the store
/// stand on. Thread-safe. No call keeps a lock after it returns.
class Kv {
 public:
  /// A space is the index of its name in the list that the database was opened with.
  using Space = unsigned;
  struct Write {
    Space space;
    std::string key;
    std::optional<std::string> value;  ///< nullopt removes the key
  };
  /// Holds when the key's present value is `value` (nullopt: there is none).
  struct Precondition {
    Space space;
    std::string key;
    std::optional<std::string> value;
  };
  struct Batch {
    std::vector<Write> writes;
    std::vector<Precondition> preconditions;
    void put(Space space, std::string key, std::string value) {
      writes.push_back({space, std::move(key), std::move(value)});
    }
    void remove(Space space, std::string key) { writes.push_back({space, std::move(key), std::nullopt}); }
    bool empty() const { return writes.empty(); }
  };
  /// synced: on the disk before commit() returns. written: survives the end of the process, but not of the
  /// machine; a later synced commit makes it durable too.
  enum class Durability : unsigned char { written, synced };
  using Row = std::pair<std::string, std::string>;
  /// A key, and how many octets its value has.
  using KeySize = std::pair<std::string, std::uint64_t>;

  Kv() = default;
  Kv(const Kv&) = delete;
  Kv& operator=(const Kv&) = delete;
  virtual ~Kv() = default;

  virtual Result<std::optional<std::string>> get(Space space, std::string_view key) const = 0;
  /// One answer for each key, in their order.
  virtual Result<std::vector<std::optional<std::string>>> multi_get(
      Space space, const std::vector<std::string>& keys) const = 0;
  /// At most `limit` rows with from <= key < to, in order; an empty `to` is the end of the space.
  virtual Result<std::vector<Row>> scan(Space space, std::string_view from, std::string_view to,
                                        std::size_t limit) const = 0;
  /// scan(), for whom the values themselves are nothing: large ones need not be read.
  virtual Result<std::vector<KeySize>> scan_sizes(Space space, std::string_view from, std::string_view to,
                                                  std::size_t limit) const;
  /// All of the batch or nothing. A failed precondition fails with Fault::not_found and writes nothing; the
  /// caller reads again and retries. A full disk is Fault::temporary. After a failed sync every later commit
  /// fails too: what reached the disk is not known any more.
  virtual Result<void> commit(Batch batch, Durability durability) = 0;
};

/// Keys that begin with `prefix` are prefix <= key < prefix_end(prefix). Empty when there is no end.
std::string prefix_end(std::string_view prefix);

}  // namespace hikyaku
