#pragma once
#include "config/diagnostic.h"
#include "serve/running.h"

namespace hikyaku::serve {

/// What is each well formed and together not what was meant, for `hikyaku config check`; warnings and notes
/// with the line that they are about:
/// - entries of rewriting and routing tables that have no effect in their setting, or another than they seem
/// to
///   (table::review_rows());
/// - headers that a canonical map will not change, because of local_header_rewrite_clients;
/// - entries of transport_maps that stand over the sender's own way;
/// - a sender's password for a next hop that this sender's mail does not go to.
/// Looks at every entry of those tables; blocks as they do.
void review(const Running& running, config::Diagnostics& diagnostics);

}  // namespace hikyaku::serve
