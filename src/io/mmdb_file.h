#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "io/mmdb_data.h"
#include "table/ip.h"

namespace hikyaku::io {

/// An mmdb file (MaxMind DB file format 2.0): a binary tree over the bits of addresses, the values that its
/// leaves name, and what the file tells of itself at its end. Reads it from memory, every access within
/// bounds whatever the octets are. Pure. Views the octets, which must outlive it. Lookups are thread-safe.
class MmdbFile {
 public:
  /// What the file tells of itself.
  struct Metadata {
    std::uint32_t nodes = 0;
    unsigned record_bits = 0;  ///< 24, 28 or 32
    unsigned ip_version = 0;   ///< 4 or 6; a tree of 6 has IPv4 addresses under ::/96
    std::string type;          ///< "GeoLite2-Country"
    std::string description;   ///< in English; may be empty
    std::optional<Time> built;
  };
  /// The metadata begin so many octets before the end or nearer.
  static constexpr std::size_t kMetadataLimit = 128 * 1024;

  /// Whether the octets have the mark that an mmdb file has near its end.
  static bool is_one(std::string_view octets);
  /// Fails with Fault::corrupt, or Fault::permanent for a version of the format that is not known; its text
  /// says what is wrong, not in which file. O(1); check() looks at the whole.
  static Result<MmdbFile> read(std::string_view octets);

  const Metadata& metadata() const { return metadata_; }
  const MmdbData& data() const { return data_; }
  /// Where in data() the file tells of `ip`. nullopt: it does not, or not of the family. O(bits).
  std::optional<std::size_t> find(const table::Ip& ip) const;
  /// Looks at each node of the tree, and returns each place in data() that one names, once, in order. Fails
  /// with Fault::corrupt when a node leads out of the tree and out of the data. (The format has no checksum:
  /// a changed number that still leads somewhere is not seen.)
  Result<std::vector<std::size_t>> check_tree() const;

 private:
  MmdbFile(Metadata metadata, std::string_view tree, MmdbData data);
  std::uint32_t record(std::uint32_t node, bool right) const;
  std::optional<std::size_t> data_offset(std::uint32_t record) const;

  Metadata metadata_;
  std::string_view tree_;
  MmdbData data_;
  std::uint32_t ipv4_start_ = 0;
};

}  // namespace hikyaku::io
