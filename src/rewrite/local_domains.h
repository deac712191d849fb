#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "table/address_lookup.h"
#include "table/match_list.h"

namespace hikyaku::rewrite {

/// The domains whose users may stand in tables without their domain: $myorigin, those of mydestination, and
/// the literals of our own interfaces. Immutable, thread-safe.
class OwnDomains final : public table::LocalDomains {
 public:
  OwnDomains(std::string myorigin, table::StringMatchList mydestination, std::vector<table::Ip> addresses)
      : myorigin_(std::move(myorigin)),
        mydestination_(std::move(mydestination)),
        addresses_(std::move(addresses)) {}

  Result<bool> is_local(std::string_view domain) const override;

 private:
  std::string myorigin_;
  table::StringMatchList mydestination_;
  std::vector<table::Ip> addresses_;  // inet_interfaces and proxy_interfaces
};

}  // namespace hikyaku::rewrite
