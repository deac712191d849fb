#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace hikyaku::io {

/// The values in an mmdb file (MaxMind DB file format 2.0, "Output Data Section"): texts, numbers, maps and
/// arrays, any of which may stand for another by a pointer. The octets come from outside: whatever they are,
/// nothing outside of them is read, nothing recurs, and each walk is bounded by the caller's Budget. Pure.
/// Views the octets, which must outlive it.
class MmdbData {
 public:
  enum class Type : unsigned char {
    pointer = 1,
    text = 2,
    real = 3,
    octets = 4,
    unsigned16 = 5,
    unsigned32 = 6,
    map = 7,
    signed32 = 8,
    unsigned64 = 9,
    unsigned128 = 10,
    array = 11,
    boolean = 14,
    short_real = 15,
  };
  struct Value {
    Type type = Type::boolean;
    /// An integer of at most 64 bits, a boolean, the target of a pointer, or how many entries a map or an
    /// array has; else 0.
    std::uint64_t number = 0;
    std::string_view text;  ///< of a text
    std::size_t next = 0;   ///< where the octets after it begin; of a map or an array its first entry
  };
  /// How many values may still be looked at.
  struct Budget {
    std::size_t left;
  };
  struct Entry {
    std::string_view key;
    Value value;  ///< never a pointer: what it leads to
  };
  class Entries;

  explicit MmdbData(std::string_view octets) : octets_(octets) {}
  std::size_t size() const { return octets_.size(); }
  /// The value that begins there, which may be a pointer. nullopt: the octets are damaged.
  std::optional<Value> value(std::size_t offset) const;
  /// The value that begins there, or what it points to. A pointer to a pointer is damage.
  std::optional<Value> resolved(std::size_t offset) const;
  /// Where the octets after this value and all that is in it begin. nullopt: damage, or no budget.
  std::optional<std::size_t> skip(std::size_t offset, Budget& budget) const;
  /// What the map has under `key`; nullopt: nothing, damage, or no budget.
  std::optional<Value> find(const Value& map, std::string_view key, Budget& budget) const;

 private:
  std::string_view octets_;
};

/// Goes through the entries of a map.
class MmdbData::Entries {
 public:
  /// `budget` must outlive it. A value that is no map has no entries.
  Entries(const MmdbData& data, const Value& map, Budget& budget);
  /// nullopt: that were all, or damaged().
  std::optional<Entry> next();
  /// It ended before its last entry: the octets are damaged, or the budget was spent.
  bool damaged() const { return damaged_; }

 private:
  const MmdbData& data_;
  Budget& budget_;
  std::uint64_t left_;
  std::size_t offset_;
  bool damaged_ = false;
};

}  // namespace hikyaku::io
