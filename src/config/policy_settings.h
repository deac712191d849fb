#pragma once
#include <memory>
#include <span>

#include "base/result.h"
#include "config/main_cf.h"
#include "policy/access.h"
#include "policy/settings.h"
#include "route/router.h"
#include "table/ip.h"
#include "table/table.h"

namespace hikyaku::config {

/// Compiles one service's access rules, and opens their tables. `main` is main.cf under the service's -o
/// overrides. Refused (an error with line and column, and the nearest name): unknown restrictions, those that
/// we don't have (check_policy_service, reject_unverified_*), restriction classes without a definition, and
/// lists that would make an open relay. As rewrite_settings() otherwise.
Result<policy::Settings> policy_settings(const Main& main, std::span<const table::Ip> machine,
                                         table::Opener& opener, Diagnostics& diagnostics);

policy::RateLimits rate_limits(const Main& main, table::Opener& opener, Diagnostics& diagnostics);

/// The router as access rules see it. `router` must outlive it.
class RoutedAddresses final : public policy::AddressResolver {
 public:
  explicit RoutedAddresses(const route::Router& router) : router_(router) {}
  Result<policy::Resolution> resolve(const mail::Address& sender,
                                     const mail::Address& address) const override;

 private:
  const route::Router& router_;
};

}  // namespace hikyaku::config
