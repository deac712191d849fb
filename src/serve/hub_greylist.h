#pragma once
#include <memory>
#include <string>

#include "base/origin.h"
#include "base/result.h"
#include "config/diagnostic.h"
#include "config/main_cf.h"
#include "greylist/configuration.h"
#include "io/stable_file.h"
#include "serve/greylist_rules.h"

namespace hikyaku::serve {

/// hikyaku_greylist: the greylist.conf by which the hub itself greylists. Null rules: it does not.
struct HubGreylist {
  std::string file;
  io::FileStamp stamp;  ///< of the file before it was read
  std::shared_ptr<const GreylistRules> rules;
};

/// Reads the file that main.cf names. Everything that is wrong, or does not count in the hub, goes to
/// `diagnostics`. Blocks.
HubGreylist read_hub_greylist(const config::Main& main, const std::shared_ptr<SourceCatalogue>& sources,
                              config::Diagnostics& diagnostics);

/// hikyaku_greylist_pools, hikyaku_greylist_domain_passes.
greylist::Learning hub_learning(const config::Main& main);

/// Reads the file alone, for the start and after it has changed. Fails where there is none.
Result<greylist::Configuration> load_hub_greylist(const std::string& file, config::Diagnostics& diagnostics,
                                                  SourceCatalogue& sources);

}  // namespace hikyaku::serve
