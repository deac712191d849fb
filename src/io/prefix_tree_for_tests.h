#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace hikyaku::io {

/// The binary tree over the bits of addresses that databases of networks are written from.
class PrefixTreeForTests {
 public:
  struct Record {
    enum class Kind : unsigned char { nothing, node, leaf } kind = Kind::nothing;
    std::uint64_t value = 0;  ///< the number of a node, or what the leaf has
  };
  using Node = std::array<Record, 2>;

  /// Gives `value` to all addresses whose first `bits` bits are those of `octets`. Shorter prefixes first.
  void add(const std::array<std::uint8_t, 16>& octets, unsigned bits, std::uint64_t value) {
    std::size_t node = 0;
    for (unsigned bit = 0;; ++bit) {
      const std::size_t side = octets[bit / 8] >> (7 - bit % 8) & 1;
      const Record before = nodes_[node][side];
      if (bit + 1 == bits) {
        nodes_[node][side] = {Record::Kind::leaf, value};
        return;
      }
      if (before.kind != Record::Kind::node) {
        nodes_[node][side] = {Record::Kind::node, nodes_.size()};
        nodes_.push_back({before, before});
      }
      node = static_cast<std::size_t>(nodes_[node][side].value);
    }
  }
  const std::vector<Node>& nodes() const { return nodes_; }

 private:
  std::vector<Node> nodes_ = std::vector<Node>(1);
};

}  // namespace hikyaku::io
