#pragma once
#include <memory>

#include "base/origin.h"
#include "config/diagnostic.h"
#include "config/main_cf.h"
#include "policy/retention.h"
#include "table/table.h"

namespace hikyaku::config {

/// Reads hikyaku_mailbox_expire_maps. An entry that is none is an error with its file and line, in all tables
/// that can be listed and whose values are not made for each key.
policy::RetentionMaps retention_settings(const Main& main, table::Opener& opener,
                                         const std::shared_ptr<const SourceCatalogue>& sources,
                                         Diagnostics& diagnostics);

}  // namespace hikyaku::config
