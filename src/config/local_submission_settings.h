#pragma once
#include "config/diagnostic.h"
#include "config/main_cf.h"
#include "policy/local_submission.h"
#include "table/table.h"

namespace hikyaku::config {

/// authorized_submit_users, local_login_sender_maps and what belongs to them, with their tables opened. What
/// is wrong is an error of `diagnostics`.
policy::LocalSubmission local_submission_settings(const Main& main, table::Opener& opener,
                                                  Diagnostics& diagnostics);

}  // namespace hikyaku::config
