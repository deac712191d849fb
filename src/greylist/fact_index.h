#pragma once
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

/// Numbers of what can hold for a client and an envelope, found by addresses, networks, names and countries
/// instead of one after the other: ten thousand of those kinds cost little more than ten. What can't be found
/// so is always looked at. Immutable once filled.
class FactIndex {
 public:
  using Number = std::uint32_t;

  /// Whether tests like this are found.
  static bool finds(const Test& test);

  // Numbers must not become smaller from one call to the next.
  /// By a test that finds() is true of; a number may have several, of which one must hold.
  void add(const Test& test, Number number);
  void add_always(Number number) { always_.push_back(number); }

  /// Gives the numbers that can hold, in their order. Those that are left out do not.
  class Candidates {
   public:
    /// The next one; kEnd: there is none.
    static constexpr Number kEnd = UINT32_MAX;
    Number next();

   private:
    friend class FactIndex;
    explicit Candidates(const std::vector<Number>& always) : always_(always) {}
    const std::vector<Number>& always_;
    std::vector<Number> found_;  // ascending
    std::size_t next_always_ = 0, next_found_ = 0;
  };
  Candidates candidates(Stage stage, const Facts& facts) const;

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  using Numbers = std::vector<Number>;
  using ByText = std::unordered_map<std::string, Numbers, Hash, std::equal_to<>>;

  ByText& addresses_of(Subject subject);
  void find_networks(const table::Ip& ip, Numbers& found) const;
  void find_domains(std::string_view client_name, Numbers& found) const;
  static void find_address(const ByText& addresses, std::string_view address, Numbers& found);
  static void find(const ByText& texts, std::string_view text, Numbers& found);

  Numbers always_;
  std::map<unsigned, ByText> networks_v4_, networks_v6_;  // by prefix, of the octets of the network's base
  std::map<std::size_t, ByText> domains_;                 // by length, in lower case
  ByText senders_, raw_senders_, recipients_;             // in lower case, without brackets
  ByText countries_;
};

}  // namespace hikyaku::greylist
