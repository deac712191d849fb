#pragma once
#include <memory>
#include <span>

#include "base/result.h"
#include "base/time.h"
#include "config/main_cf.h"
#include "policy/access.h"
#include "policy/settings.h"
#include "rewrite/srs.h"
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
  /// With `srs`, which needs `clock`, a rewritten sender of ours is an address of ours. All must outlive it.
  explicit RoutedAddresses(const route::Router& router, const rewrite::Srs* srs = nullptr,
                           const Clock* clock = nullptr)
      : router_(router), srs_(srs), clock_(clock) {}
  Result<policy::Resolution> resolve(const mail::Address& sender,
                                     const mail::Address& address) const override;

 private:
  Result<policy::Resolution> resolve_srs(const mail::Address& sender, const mail::Address& address) const;

  const route::Router& router_;
  const rewrite::Srs* srs_;
  const Clock* clock_;
};

}  // namespace hikyaku::config
