#pragma once
#include <memory>
#include <string>

#include "base/explanation.h"
#include "base/time.h"
#include "config/main_cf.h"
#include "mail/address.h"
#include "record/queue_entry.h"
#include "rewrite/srs.h"
#include "route/router.h"
#include "table/match_list.h"
#include "table/table.h"

namespace hikyaku::serve {

/// Decides which mail leaves with a rewritten sender (SRS), by hikyaku_srs_*. Immutable and thread-safe.
class SenderRewriting {
 public:
  /// Reads the secrets. Null when hikyaku_srs_domain is not set; what is wrong goes to `diagnostics`. Blocks.
  static std::unique_ptr<const SenderRewriting> make(const config::Main& main, table::Opener& opener,
                                                     config::Diagnostics& diagnostics);

  /// Whether the copy for `recipient`, which goes by `route`, is forwarded mail of somebody else's: it came
  /// for an address of ours, goes to none of ours, and its sender is neither <> nor of ours. Records the
  /// first of these that does not hold. Fails with Fault::temporary when a table can't answer.
  Result<bool> applies(const route::Router& router, const mail::Address& sender,
                       const record::Recipient& recipient, const route::Route& route, Explanation& why) const;

  /// The sender that such mail gets. When none can be made (it would be too long) the mail leaves with its
  /// own, and the ledger says so.
  mail::Address sender(const mail::Address& sender, Time now, Explanation& why) const;

  const std::shared_ptr<const rewrite::Srs>& srs() const { return srs_; }

 private:
  SenderRewriting(std::shared_ptr<const rewrite::Srs> srs, table::DomainList excluded);

  std::shared_ptr<const rewrite::Srs> srs_;
  table::DomainList excluded_;
  std::string rule_;
};

}  // namespace hikyaku::serve
