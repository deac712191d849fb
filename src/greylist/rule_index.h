#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "greylist/facts.h"
#include "greylist/rule.h"

namespace hikyaku::greylist {

struct Configuration;

/// Which rules of a stage can hold for a client and an envelope, found by their addresses, networks, names
/// and countries instead of one after the other: ten thousand rules of those kinds cost little more than ten.
/// A rule is found by one of its clauses, before which it has none that does or asks something; rules without
/// such a clause are always looked at. Immutable.
class RuleIndex {
 public:
  using Number = std::uint32_t;  ///< of a rule, in Configuration::rules

  RuleIndex() = default;
  RuleIndex(const Configuration& configuration, Stage stage);

  /// Gives the rules that can hold, in their order. Those that are left out do not.
  class Candidates {
   public:
    /// The next one's number; kEnd: there is none.
    static constexpr Number kEnd = UINT32_MAX;
    Number next();

   private:
    friend class RuleIndex;
    explicit Candidates(const std::vector<Number>& always) : always_(always) {}
    const std::vector<Number>& always_;
    std::vector<Number> found_;  // ascending
    std::size_t next_always_ = 0, next_found_ = 0;
  };
  Candidates candidates(const Facts& facts) const;

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  using Numbers = std::vector<Number>;
  using ByText = std::unordered_map<std::string, Numbers, Hash, std::equal_to<>>;

  bool add(const Test& test, Number number, const Configuration& configuration);
  void add_network(const table::Network& network, Number number);
  void find_networks(const table::Ip& ip, Numbers& found) const;
  static void find(const ByText& texts, std::string_view text, Numbers& found);

  Stage stage_ = Stage::recipient;
  Numbers always_;
  std::map<unsigned, ByText> networks_v4_, networks_v6_;  // by prefix, of the octets of the network's base
  std::map<std::size_t, ByText> domains_;                 // by length, in lower case
  ByText senders_, raw_senders_, recipients_;             // in lower case, without brackets
  ByText countries_;
};

}  // namespace hikyaku::greylist
