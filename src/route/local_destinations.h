#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "table/address_lookup.h"
#include "table/match_list.h"

namespace hikyaku::route {

/// The domains of which this host is the final destination: mydestination, and the address literals of our
/// own interfaces. Immutable, thread-safe.
class LocalDestinations final : public table::LocalDomains {
 public:
  LocalDestinations(std::string myorigin, table::StringMatchList mydestination,
                    std::vector<table::Ip> addresses)
      : myorigin_(std::move(myorigin)),
        mydestination_(std::move(mydestination)),
        addresses_(std::move(addresses)) {}

  struct Match {
    bool is_local = false;
    std::string_view element;  ///< of mydestination; empty for an interface's address
    Origin origin;
  };
  /// Is mail for `domain` ours? One dot at its end does not count.
  Result<Match> match(std::string_view domain) const;
  /// The same, or $myorigin: may users of `domain` stand in tables without it?
  Result<bool> is_local(std::string_view domain) const override;
  bool is_own(const table::Ip& address) const;

 private:
  std::string myorigin_;
  table::StringMatchList mydestination_;
  std::vector<table::Ip> addresses_;
};

}  // namespace hikyaku::route
